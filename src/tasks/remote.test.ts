import { describe, expect, it, test } from 'vitest';
import { rawFolder, remoteReader } from './remote.ts';

describe('rawFolder', () => {
  it.each([
    ['https://github.com/Wcxwcxw/GORP', 'https://raw.githubusercontent.com/Wcxwcxw/GORP/HEAD/'],
    ['https://github.com/a/b/tree/main/data/x/', 'https://raw.githubusercontent.com/a/b/main/data/x/'],
    ['https://huggingface.co/datasets/a/b', 'https://huggingface.co/datasets/a/b/resolve/main/'],
    ['https://huggingface.co/datasets/a/b/tree/v2/x', 'https://huggingface.co/datasets/a/b/resolve/v2/x/'],
    ['https://raw.githubusercontent.com/a/b/main', 'https://raw.githubusercontent.com/a/b/main/'],
    ['http://localhost:8080/tasks?x=1#y', 'http://localhost:8080/tasks/'],
    ['https://github.com/a', 'https://github.com/a/'],
  ])('%s → %s', (address, raw) => {
    expect(rawFolder(address).href).toBe(raw);
  });
});

test('refuses http on another machine, given directly or by a redirect', async () => {
  expect(() => rawFolder('http://example.org/tasks')).toThrow(/Anyone on the network/);
  const redirected = new Response('[1]');
  Object.defineProperties(redirected, { redirected: { value: true }, url: { value: 'http://example.org/a' } });
  const read = remoteReader(new URL('https://example.org/t/'), null, () => Promise.resolve(redirected));
  await expect(read('a')).rejects.toMatchObject({ code: 'tasks/insecure' });
});

describe('remoteReader', () => {
  const read = (answer: () => Promise<Response>) =>
    remoteReader(new URL('https://example.org/t/'), null, answer)('a/b.json');

  it('returns the text', async () => {
    expect(await read(() => Promise.resolve(new Response('[1]')))).toBe('[1]');
  });

  it.each([
    ['a refusal', () => Promise.reject(new TypeError('Failed to fetch')), 'tasks/unreachable'],
    ['404', () => Promise.resolve(new Response('', { status: 404 })), 'tasks/not-found'],
    [
      'a web page',
      () => Promise.resolve(new Response('<p>', { headers: { 'content-type': 'text/html' } })),
      'tasks/not-found',
    ],
  ])('names the address on %s', async (_, answer, code) => {
    await expect(read(answer)).rejects.toMatchObject({
      code,
      message: expect.stringContaining('https://example.org/t/a/b.json') as string,
    });
  });
});
