import { describe, expect, it } from 'vitest';
import { parseModelReference, pickedReference } from './model-reference.ts';

describe('parseModelReference', () => {
  const hub = (repository: string, revision: string): object => ({ kind: 'hub', repository, revision });
  it.each([
    ['embedded', { kind: 'embedded', folder: 'model' }],
    ['embedded-llama', { kind: 'embedded', folder: 'llama' }],
    ['https://example.org/t5/', { kind: 'url', url: 'https://example.org/t5/' }],
    ['http://localhost:8080/', { kind: 'url', url: 'http://localhost:8080/' }],
    ['google-t5/t5-small', hub('google-t5/t5-small', 'main')],
    ['a/b.c@v1.0', hub('a/b.c', 'v1.0')],
    ['a/b@refs/pr/3', hub('a/b', 'refs/pr/3')],
    ['https://huggingface.co/google-t5/t5-small', hub('google-t5/t5-small', 'main')],
    ['https://huggingface.co/google-t5/t5-small/tree/dev', hub('google-t5/t5-small', 'dev')],
    [
      'https://huggingface.co/google-t5/t5-small/resolve/main/',
      { kind: 'url', url: 'https://huggingface.co/google-t5/t5-small/resolve/main/' },
    ],
    [pickedReference('my model'), { kind: 'picked', name: 'my model' }],
  ])('reads %s', (text, expected) => {
    expect(parseModelReference(text)).toEqual(expected);
  });

  it.each([
    '',
    't5-small',
    'a/b/c',
    'a/',
    '/a',
    'a/b@',
    'a b/c',
    '../b',
    'a/..',
    'a/b@../x',
    'picked:',
    'http://',
    'ftp://a/b',
    'http://example.org/t5/',
    'https://example.org/t5/?token=secret',
    'https://user:secret@example.org/t5/',
    'https://huggingface.co/a/b?token=secret',
  ])('refuses %j', (text) => {
    expect(parseModelReference(text)).toBeNull();
  });
});
