import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reportOf } from '../base/errors.ts';
import { type LocalHub, startLocalHub } from '../testing/local-hub.ts';
import { MemoryKeyValue } from './key-value.ts';
import type { ModelFiles } from './model-folder.ts';
import { parseModelReference } from './model-reference.ts';
import type { ModelProgress } from './model-messages.ts';
import type { RemoteOptions } from './remote-folder.ts';
import { openModel, requireReference } from './source.ts';
import { openStore, type WeightStore } from './store.ts';
import { modelFiles, ramp, safetensorsOf } from '../testing/model-of.ts';
import { WatchedKeyValue } from '../testing/watched-key-value.ts';
import { NO_EMBEDDED } from '../testing/no-embedded.ts';

const REPO = 'some-org/tiny.t5';
const TOKEN = 'hf_abcdefghijklmnop';
const CHUNK = 256;

let hub: LocalHub;
let values: WatchedKeyValue;
let store: WeightStore;
let progress: ModelProgress[];
let files: Awaited<ReturnType<typeof modelFiles>>;

beforeEach(async () => {
  hub = await startLocalHub();
  values = new WatchedKeyValue(new MemoryKeyValue());
  store = await openStore(values, CHUNK);
  progress = [];
  files = await modelFiles();
});
afterEach(() => hub.close());

const open = (name = REPO, token: string | null = null, options: RemoteOptions = {}): Promise<ModelFiles> =>
  openModel(
    requireReference(parseModelReference(name), name),
    { store, embedded: NO_EMBEDDED, hub: { endpoint: hub.endpoint, token }, picked: new Map() },
    { onProgress: (at) => progress.push(at), patience: { stallMs: 2000, backoffMs: [1, 1] }, ...options },
  );
const addressOf = (input: RequestInfo | URL): string => (input instanceof Request ? input.url : input.toString());
/** The whole store as text. */
const everythingStored = async (): Promise<string> => {
  let text = '';
  for (const key of await values.keys()) {
    const bytes = await values.getBytes(key);
    text += key + JSON.stringify(await values.getObject(key)) + new TextDecoder('latin1').decode(bytes);
  }
  return text;
};

describe('a repository on the hub', () => {
  it('is pinned to the commit of its revision', async () => {
    const commit = hub.push(REPO, files);
    const model = await open();
    expect(model.commit).toBe(commit);
    expect(await model.readTensor('shared.weight')).toEqual(ramp(200));
    expect(model.generationConfig).toBeNull();
    expect(hub.requests[0]).toBe(`/api/models/${REPO}/revision/main?blobs=true`);
    expect(hub.requests.slice(1).every((path) => path.startsWith(`/${REPO}/resolve/${commit}/`))).toBe(true);
    // Requests only files that the hub lists.
    expect(hub.cdnRequests.map(({ file }) => file)).toEqual(Object.keys(files));
  });

  it('reports the total bytes from the first file on', async () => {
    hub.push(REPO, { ...files, 'pytorch_model.bin': 'x'.repeat(9999), 'onnx/model.safetensors': 'no' });
    await open();
    const total = Object.values(files).reduce((sum, content) => sum + Buffer.byteLength(content), 0);
    expect(new Set(progress.map(({ totalBytes }) => totalBytes))).toEqual(new Set([total]));
    expect(progress.at(-1)?.bytes).toBe(total);
  });

  it('is looked up on each opening and fetched again only after a new commit', async () => {
    hub.push(REPO, files);
    await open();
    hub.requests.length = 0;
    expect((await open()).fromCache).toBe(true);
    expect(hub.requests).toHaveLength(1);
    const second = hub.push(REPO, { ...files, 'config.json': '{"model_type":"llama"}' });
    const model = await open();
    expect([model.commit, model.config, model.fromCache]).toEqual([second, { model_type: 'llama' }, false]);
  });

  it('is stored without a stream of a Blob, which Safari cannot iterate', async () => {
    hub.push(REPO, files);
    const stream = vi.spyOn(Blob.prototype, 'stream');
    await open();
    expect(stream).not.toHaveBeenCalled();
    stream.mockRestore();
  });

  it('opens another branch, a tag or a commit', async () => {
    const first = hub.push(REPO, files);
    hub.push(REPO, { ...files, 'config.json': '{"model_type":"other"}' });
    const dev = hub.push(REPO, { ...files, 'config.json': '{"model_type":"dev"}' }, 'refs/pr/3');
    expect((await open(`${REPO}@refs/pr/3`)).commit).toBe(dev);
    expect((await open(`${REPO}@${first}`)).config).toEqual({ model_type: 't5' });
    // A commit never changes, so the second time makes no request.
    hub.requests.length = 0;
    expect((await open(`${REPO}@${first}`)).fromCache).toBe(true);
    expect(hub.requests).toEqual([]);
  });

  it('works without network, as it was when last looked up', async () => {
    const commit = hub.push(REPO, files);
    await open();
    hub.fault('api', { status: 503 });
    expect((await open()).commit).toBe(commit);
    await hub.close();
    const model = await open();
    expect([model.commit, model.fromCache]).toEqual([commit, true]);
    await expect(open('some-org/other')).rejects.toMatchObject({ code: 'weights/network' });
    await expect(open(`${REPO}@dev`)).rejects.toMatchObject({ code: 'weights/network' });
  });

  it('works behind a captive portal and when the hub does not answer in time', async () => {
    const commit = hub.push(REPO, files);
    await open();
    hub.fault('api', { status: 200 });
    expect((await open()).commit).toBe(commit);
    const never = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> =>
      addressOf(input).includes('/api/')
        ? new Promise((_, reject) => {
            const signal = init?.signal;
            signal?.addEventListener('abort', () => reject(new DOMException('ended', 'AbortError')));
          })
        : fetch(input, init);
    const patience = { stallMs: 50, backoffMs: [] };
    expect((await open(REPO, null, { fetch: never, patience })).commit).toBe(commit);
    await expect(open('some-org/other', null, { fetch: never, patience })).rejects.toMatchObject({
      code: 'weights/stalled',
    });
  });

  it('works when there is no room to store the hub’s answer', async () => {
    hub.push(REPO, files);
    await open();
    vi.spyOn(values, 'room').mockResolvedValue(0);
    expect((await open()).fromCache).toBe(true);
  });

  it('opens sharded weights', async () => {
    const { 'model.safetensors': single, ...small } = files;
    const other = await safetensorsOf({ b: { dtype: 'F32', shape: [2], data: ramp(2) } });
    const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const index = JSON.stringify({ weight_map: { 'shared.weight': names[0], b: names[1] } });
    hub.push(REPO, { ...small, 'model.safetensors.index.json': index, [names[0]]: single, [names[1]]: other });
    const model = await open();
    expect([...model.tensors.keys()].sort()).toEqual(['b', 'shared.weight']);
    expect(progress.every(({ totalBytes }) => totalBytes === progress[0].totalBytes)).toBe(true);
    expect(progress.at(-1)?.bytes).toBe(progress[0].totalBytes);
  });

  it('resumes an interrupted download and refuses bytes that differ from the hub’s SHA-256', async () => {
    hub.push(REPO, files);
    hub.fault('model.safetensors', { cutAfter: 700 });
    await open();
    expect(hub.cdnRequests.slice(-2).map(({ range, ifRange }) => [range, ifRange])).toEqual([
      [undefined, undefined],
      ['bytes=512-', undefined],
    ]);
    hub.push(REPO, files, 'again');
    hub.fault('model.safetensors', { corrupts: true });
    await expect(open(`${REPO}@again`)).rejects.toMatchObject({ code: 'weights/wrong-hash' });
    expect((await store.partials()).length).toBe(0);
    expect((await open(`${REPO}@again`)).commit).not.toBeNull();
  });

  it('checks that all weights fit before it fetches any', async () => {
    hub.push(REPO, files);
    values.roomBytes = 500;
    await expect(open()).rejects.toMatchObject({ code: 'store/quota' });
    expect(hub.cdnRequests.map(({ file }) => file)).not.toContain('model.safetensors');
  });
});

describe('a gated repository', () => {
  beforeEach(() => {
    hub.push(REPO, files);
    hub.gate(REPO, TOKEN);
  });

  it('is opened with the token, which goes only to the hub and is never stored', async () => {
    const model = await open(REPO, TOKEN);
    expect(await model.readTensor('shared.weight')).toEqual(ramp(200));
    expect(hub.cdnRequests.every(({ authorization }) => authorization === undefined)).toBe(true);
    expect(hub.cdnRequests.length).toBeGreaterThan(0);
    expect(await everythingStored()).not.toContain(TOKEN);
    expect(JSON.stringify(progress)).not.toContain(TOKEN);
  });

  it('says what to do when there is no token', async () => {
    await expect(open()).rejects.toMatchObject({
      code: 'weights/gated',
      nextStep: expect.stringMatching(/accept the terms.*token/i) as string,
    });
  });

  it.each([
    ['wrong', 'hf_wrong', 'weights/denied'],
    ['mistyped', 'hf_ab cd', 'weights/bad-token'],
  ])('reports a %s token without repeating it', async (_, token, code) => {
    const thrown = await open(REPO, token).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code, nextStep: expect.stringMatching(/token/i) as string });
    expect(String(thrown) + JSON.stringify(thrown) + String((thrown as Error).cause)).not.toContain(token);
    expect(await values.keys()).toEqual([]);
  });

  it('opens without a token once its files are stored', async () => {
    await open(REPO, TOKEN);
    expect((await open()).fromCache).toBe(true);
  });
});

describe('what is wrong with a repository', () => {
  it.each([
    ['that does not exist', 'some-org/none', 'weights/no-repository', /private/],
    ['without that revision', `${REPO}@v9`, 'weights/no-revision', /v9/],
    ['with pickled weights only', 'some-org/bin', 'weights/no-safetensors', /pytorch_model.bin/],
    ['without a fast tokenizer', 'some-org/slow', 'weights/not-found', /tokenizer.json/],
  ])('%s is reported before anything is downloaded', async (_, name, code, message) => {
    const { 'model.safetensors': weights, ...small } = files;
    const { 'tokenizer.json': tokenizer, ...slow } = files;
    hub.push(REPO, files);
    hub.push('some-org/bin', { ...small, 'pytorch_model.bin': weights });
    hub.push('some-org/slow', { ...slow, 'spiece.model': tokenizer });
    await expect(open(name)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string });
    expect([hub.cdnRequests, await values.keys()]).toEqual([[], []]);
  });

  it('reports an address that is not a hub, and a busy hub', async () => {
    hub.push(REPO, files);
    hub.fault('api', { status: 200 }, { status: 429 });
    await expect(open()).rejects.toMatchObject({ code: 'weights/hub-answer' });
    await expect(open()).rejects.toMatchObject({ code: 'weights/http' });
    const access = { store, embedded: NO_EMBEDDED, picked: new Map() };
    const repository = { kind: 'hub' as const, repository: REPO, revision: 'main' };
    await expect(
      openModel(repository, { ...access, hub: { endpoint: 'ftp://hub', token: null } }),
    ).rejects.toMatchObject({ code: 'weights/bad-hub' });
  });

  it('never shows the password in the address of a hub', async () => {
    const access = { store, embedded: NO_EMBEDDED, picked: new Map() };
    const repository = { kind: 'hub' as const, repository: REPO, revision: 'main' };
    for (const endpoint of ['https://me:secret@hub.example', 'ftp://me:secret@hub', 'me:secret@hub']) {
      const thrown: unknown = await openModel(repository, { ...access, hub: { endpoint, token: null } }).catch(
        reportOf,
      );
      expect(thrown).toMatchObject({ code: 'weights/bad-hub' });
      expect(JSON.stringify(thrown)).not.toContain('secret');
    }
  });

  it('refuses http on another machine: as hub, as folder, and after a redirect', async () => {
    hub.push(REPO, files);
    const places = {
      store,
      embedded: NO_EMBEDDED,
      hub: { endpoint: hub.endpoint, token: null },
      picked: new Map(),
    };
    const repository = { kind: 'hub' as const, repository: REPO, revision: 'main' };
    const clear = { ...places, hub: { endpoint: 'http://hub.example.org', token: TOKEN } };
    const asked: string[] = [];
    const watched = (input: RequestInfo | URL): Promise<Response> => {
      asked.push(addressOf(input));
      return Promise.reject(new Error('nothing should be requested'));
    };
    await expect(openModel(repository, clear, { fetch: watched })).rejects.toMatchObject({ code: 'weights/insecure' });
    expect(asked).toEqual([]);
    expect(() => requireReference(parseModelReference('http://example.org/m/'), 'http://example.org/m/')).toThrow(
      /Anyone on the network/,
    );
    for (const end of ['/revision/main?blobs=true', '/config.json']) {
      const redirected = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
        const response = await fetch(input, init);
        if (!addressOf(input).endsWith(end)) return response;
        return Object.defineProperties(response, {
          redirected: { value: true },
          url: { value: 'http://example.org/elsewhere' },
        });
      };
      const opened = openModel(repository, places, { fetch: redirected });
      await expect(opened, end).rejects.toMatchObject({ code: 'weights/insecure' });
    }
  });

  it('reports an invalid name as a wrong setting', () => {
    expect(() => requireReference(parseModelReference('t5-small'), 't5-small')).toThrow(/org\/name|t5-small/);
  });
});
