import 'fake-indexeddb/auto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { float32ToHalf } from '../base/half.ts';
import { type LocalServer, serveLocally } from '../testing/local-server.ts';
import { ramp, safetensorsOf, type Tensors } from '../testing/model-of.ts';
import { WatchedKeyValue } from '../testing/watched-key-value.ts';
import type { Origin } from './file-writer.ts';
import { IndexedDbKeyValue, type KeyValue, MemoryKeyValue } from './key-value.ts';
import { type ModelFiles, openModelFolder } from './model-folder.ts';
import type { ModelProgress } from './model-messages.ts';
import { RemoteFolder, type RemoteOptions } from './remote-folder.ts';
import { openStore, type WeightStore, writePieces } from './store.ts';

const CHUNK = 256;

const origin = (url: string): Origin => ({ url, etag: null, bytes: null, sha256: null });

const first: Tensors = {
  'shared.weight': { dtype: 'F32', shape: [20, 10], data: ramp(200) },
  'block.0.half': { dtype: 'F16', shape: [3], data: float32ToHalf(Float32Array.of(1, -2, 65504)) },
};
const second: Tensors = {
  'block.1.brain': { dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) },
  'block.1.count': { dtype: 'I64', shape: [1], data: BigInt64Array.of(7n) },
};

const kinds: [name: string, make: () => KeyValue][] = [
  ['memory', () => new MemoryKeyValue()],
  ['IndexedDB', () => new IndexedDbKeyValue(`source-test-${Math.random()}`)],
];

type Options = RemoteOptions & { version?: string };

/** Opens the model at a folder's address. */
async function openModel(url: string, store: WeightStore, { version, ...options }: Options = {}): Promise<ModelFiles> {
  const folder = new RemoteFolder(url, store, options, { version });
  await folder.removeOtherVersions();
  return openModelFolder(folder);
}

describe.each(kinds)('a model in a remote folder, with the store in %s', (_, make) => {
  let folder: Map<string, Buffer | string>;
  let server: LocalServer;
  let values: WatchedKeyValue;
  let store: WeightStore;
  let progress: ModelProgress[];

  beforeEach(async () => {
    folder = new Map<string, Buffer | string>([
      ['config.json', '{"model_type":"t5"}'],
      ['tokenizer_config.json', '{"model_max_length":512}'],
      ['tokenizer.json', '{"version":"1.0"}'],
      ['generation_config.json', '{"eos_token_id":1}'],
      ['model.safetensors', await safetensorsOf({ ...first, ...second })],
    ]);
    server = await serveLocally((request, response) => {
      const content = folder.get(request.url?.replace('/m/', '') ?? '');
      if (content === undefined) response.statusCode = 404;
      else if (typeof content === 'string' && content.startsWith('<')) response.setHeader('content-type', 'text/html');
      if (content !== undefined) response.setHeader('content-length', Buffer.byteLength(content));
      response.end(content ?? 'none');
    });
    values = new WatchedKeyValue(make());
    store = await openStore(values, CHUNK);
    progress = [];
  });
  afterEach(() => server.close());

  const open = (options: Options = {}): Promise<ModelFiles> =>
    openModel(`${server.url}m`, store, { onProgress: (at) => progress.push(at), ...options });
  const totalBytes = (): number => [...folder.values()].reduce((sum, content) => sum + Buffer.byteLength(content), 0);
  const sharded = async (index: object): Promise<void> => {
    folder.delete('model.safetensors');
    folder.set('model-00001-of-00002.safetensors', await safetensorsOf(first));
    folder.set('model-00002-of-00002.safetensors', await safetensorsOf(second));
    folder.set('model.safetensors.index.json', JSON.stringify(index));
  };
  const weightMap = {
    'shared.weight': 'model-00001-of-00002.safetensors',
    'block.0.half': 'model-00001-of-00002.safetensors',
    'block.1.brain': 'model-00002-of-00002.safetensors',
    'block.1.count': 'model-00002-of-00002.safetensors',
  };

  it('fetches a model and returns its files and tensors', async () => {
    const model = await open();
    expect(model.fromCache).toBe(false);
    expect(model.config).toEqual({ model_type: 't5' });
    expect(model.tokenizer).toEqual({ version: '1.0' });
    expect(model.tokenizerConfig).toEqual({ model_max_length: 512 });
    expect(model.generationConfig).toEqual({ eos_token_id: 1 });
    expect([...model.tensors.keys()].sort()).toEqual(Object.keys({ ...first, ...second }).sort());
    expect(model.tensors.get('shared.weight')).toMatchObject({
      dtype: 'F32',
      shape: [20, 10],
      file: 'model.safetensors',
    });
    expect(await model.readTensor('shared.weight')).toEqual(ramp(200));
    expect(await model.readTensor('block.0.half')).toEqual(Float32Array.of(1, -2, 65504));
    expect(await model.readTensor('block.1.brain')).toEqual(Float32Array.of(1, -2));
    const { dtype, shape, bytes } = await model.readRaw('block.1.count');
    expect([dtype, shape, bytes]).toEqual(['I64', [1], Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0)]);
    await expect(model.readTensor('block.1.count')).rejects.toMatchObject({ code: 'weights/unsupported-dtype' });
    await expect(model.readRaw('__proto__')).rejects.toMatchObject({ code: 'weights/no-tensor' });
  });

  it('starts a second time without any request, whatever the server does', async () => {
    await open();
    await server.close();
    server.requests.length = 0;
    progress = [];
    const model = await openModel(`${server.url}m/`, await openStore(values, CHUNK), {
      onProgress: (at) => progress.push(at),
    });
    expect(model.fromCache).toBe(true);
    expect(await model.readTensor('shared.weight')).toEqual(ramp(200));
    expect(server.requests).toEqual([]);
    expect(progress.map(({ file }) => file)).toEqual([...folder.keys()]);
    expect(progress.every(({ source }) => source === 'cache')).toBe(true);
    expect(progress.at(-1)).toMatchObject({ bytes: totalBytes(), totalBytes: totalBytes() });
  });

  it('counts progress over all files together', async () => {
    await open();
    expect(
      progress.every(({ bytes, source }, i) => source === 'network' && bytes >= (progress[i - 1]?.bytes ?? 0)),
    ).toBe(true);
    expect(new Set(progress.map(({ file }) => file))).toEqual(new Set(folder.keys()));
    expect(
      progress.filter(({ file }) => file === 'model.safetensors').every((at) => at.totalBytes === totalBytes()),
    ).toBe(true);
    expect(progress.at(-1)?.bytes).toBe(totalBytes());
  });

  it.each(['absent', 'answered with the start page'])(
    'works without a generation_config.json that is %s, and remembers that',
    async (how) => {
      if (how === 'absent') folder.delete('generation_config.json');
      else folder.set('generation_config.json', '<!doctype html>');
      expect((await open()).generationConfig).toBeNull();
      server.requests.length = 0;
      const again = await open();
      expect([again.generationConfig, again.fromCache, server.requests]).toEqual([null, true, []]);
    },
  );

  it('resumes from the stored files after an interrupted start', async () => {
    const weights = folder.get('model.safetensors') ?? '';
    folder.delete('model.safetensors');
    await expect(open()).rejects.toMatchObject({
      code: 'weights/no-safetensors',
      message: expect.stringContaining('neither model.safetensors nor model.safetensors.index.json') as string,
    });
    folder.set('model.safetensors', weights);
    server.requests.length = 0;
    const model = await open();
    expect([model.fromCache, server.requests]).toEqual([false, ['/m/model.safetensors']]);
  });

  it.each(['config.json', 'tokenizer.json', 'tokenizer_config.json'])('needs %s', async (name) => {
    folder.delete(name);
    await expect(open()).rejects.toMatchObject({
      code: 'weights/not-found',
      message: expect.stringContaining(name) as string,
    });
  });

  it('ignores and removes copies of another version', async () => {
    await open({ version: 'one' });
    folder.set('config.json', '{"model_type":"llama"}');
    expect((await open({ version: 'one' })).config).toEqual({ model_type: 't5' });
    const other = await openModel(`${server.url}m/deeper/`, store).catch((thrown: unknown) => thrown);
    expect(other).toMatchObject({ code: 'weights/not-found' });
    const oneByte = new Response(Uint8Array.of(1)).body as ReadableStream<Uint8Array>; // Made from bytes, so not null.
    await writePieces(store, 'https://elsewhere/x', origin('https://elsewhere/x'), oneByte);
    const model = await open({ version: 'two' });
    expect([model.config, model.fromCache]).toEqual([{ model_type: 'llama' }, false]);
    expect(await store.size()).toBe(totalBytes() + 1);
    expect((await open({ version: 'two' })).fromCache).toBe(true);
    // A parent folder or subfolder is another model.
    await openModel(server.url, store).catch(() => undefined);
    expect((await open({ version: 'two' })).fromCache).toBe(true);
  });

  it('opens sharded weights as one model', async () => {
    const tensorBytes = 800 + 6 + 4 + 8;
    await sharded({ metadata: { total_size: tensorBytes }, weight_map: weightMap });
    const model = await open();
    expect(model.tensors.get('shared.weight')?.file).toBe('model-00001-of-00002.safetensors');
    expect(await model.readTensor('shared.weight')).toEqual(ramp(200));
    expect(await model.readTensor('block.1.brain')).toEqual(Float32Array.of(1, -2));
    expect(progress.at(-1)).toMatchObject({ bytes: totalBytes(), totalBytes: totalBytes() });
    const estimates = progress.filter(({ file }) => file.startsWith('model-00001')).map((at) => at.totalBytes ?? 0);
    expect(estimates.length).toBeGreaterThan(0);
    for (const estimate of estimates) expect(Math.abs(estimate - totalBytes())).toBeLessThan(500);
    server.requests.length = 0;
    expect([(await open()).fromCache, server.requests]).toEqual([true, []]);
  });

  it('opens sharded weights without total_size where missing files return the start page', async () => {
    await sharded({ weight_map: weightMap });
    folder.set('model.safetensors', '<html><body>Hello</body></html>');
    const model = await open();
    expect(model.tensors.size).toBe(4);
    expect(progress.filter(({ file }) => file.startsWith('model-00001')).every((at) => at.totalBytes === null)).toBe(
      true,
    );
  });

  it.each([
    ['no weight_map', {}],
    ['an empty one', { weight_map: {} }],
    ['a list', { weight_map: [] }],
    ['a path', { weight_map: { a: '../other/model.safetensors' } }],
    ['a path with a backslash', { weight_map: { a: '..\\model.safetensors' } }],
    ['another site', { weight_map: { a: 'https://elsewhere/model.safetensors' } }],
    ['a hidden file', { weight_map: { a: '.safetensors' } }],
    ['a pickle', { weight_map: { a: 'pytorch_model.bin' } }],
    ['an encoded slash', { weight_map: { a: 'a%2fb.safetensors' } }],
    ['a number', { weight_map: { a: 1 } }],
    ['a bad total', { metadata: { total_size: -1 }, weight_map: weightMap }],
    [
      'too many shards',
      { weight_map: Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`t${i}`, `${i}.safetensors`])) },
    ],
    ['a missing tensor', { weight_map: { ...weightMap, extra: 'model-00001-of-00002.safetensors' } }],
    ['a tensor in another shard', { weight_map: { ...weightMap, 'block.0.half': 'model-00002-of-00002.safetensors' } }],
  ])('refuses an index with %s, and downloads it again next time', async (_, index) => {
    await sharded(index);
    await expect(open()).rejects.toMatchObject({ code: 'weights/invalid-index' });
    await sharded({ weight_map: weightMap });
    expect((await open()).tensors.size).toBe(4);
  });

  it('refuses shards that share a tensor, and removes them', async () => {
    await sharded({ weight_map: weightMap });
    folder.set(
      'model-00002-of-00002.safetensors',
      await safetensorsOf({ ...second, 'block.0.half': first['block.0.half'] }),
    );
    await expect(open()).rejects.toMatchObject({ code: 'weights/duplicate-tensor' });
    await sharded({ weight_map: weightMap });
    expect((await open()).tensors.size).toBe(4);
  });

  it.each([
    [
      'a truncated weight file',
      'model.safetensors',
      (good: Buffer) => good.subarray(0, good.length - 5),
      'weights/incomplete-file',
    ],
    [
      'a weight file truncated in the header',
      'model.safetensors',
      (good: Buffer) => good.subarray(0, 30),
      'weights/invalid-header-length',
    ],
    ['an empty weight file', 'model.safetensors', () => Buffer.alloc(0), 'weights/header-too-small'],
    [
      'a pickle as weight file',
      'model.safetensors',
      () => Buffer.from('PK\u0003\u0004 archive/data.pkl'),
      'weights/header-too-large',
    ],
    [
      'a pointer as weight file',
      'model.safetensors',
      () => Buffer.from('version https://git-lfs.github.com/spec/v1'),
      'weights/header-too-large',
    ],
    ['a truncated config', 'config.json', (good: Buffer) => good.subarray(0, 7), 'weights/invalid-json'],
    [
      'a config without end',
      'config.json',
      () => Buffer.from(`{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`),
      'weights/invalid-json',
    ],
    ['an empty config', 'config.json', () => Buffer.alloc(0), 'weights/invalid-json'],
    ['a tokenizer that is not UTF-8', 'tokenizer.json', () => Buffer.of(0x22, 0xff, 0x22), 'weights/invalid-json'],
    ['a config of 5 MiB', 'config.json', () => Buffer.alloc(5 * 2 ** 20, ' '), 'weights/too-large'],
  ])('refuses %s, naming the file, and downloads it again next time', async (_, name, damage, code) => {
    const good = Buffer.from(folder.get(name) ?? '');
    folder.set(name, damage(good));
    await expect(open()).rejects.toMatchObject({
      code,
      message: expect.stringContaining(name) as string,
      nextStep: expect.stringMatching(/\w{3}/) as string,
    });
    expect((await store.list()).some(({ url }) => url.endsWith(`/${name}`))).toBe(false);
    folder.set(name, good);
    expect(await (await open()).readTensor('shared.weight')).toEqual(ramp(200));
  });

  it('downloads a discarded model again, and leaves other folders alone', async () => {
    folder.delete('generation_config.json');
    await openModel(`${server.url}m`, store, { version: '1' });
    const other = origin(`${server.url}m/other/config.json`);
    await writePieces(store, other.url, other, new Blob(['{}']).stream());
    await (await open()).discard();
    expect((await store.list()).map(({ url }) => url)).toEqual([other.url]);
    expect(await open()).toMatchObject({ fromCache: false });
  });

  it('repairs a damaged copy at the next start', async () => {
    await open();
    const weights = (await store.list()).find(({ file }) => file.endsWith('model.safetensors'));
    await values.setBytes(`chunk/${weights?.id}/1`, new Uint8Array(CHUNK));
    const fresh = await openStore(values, CHUNK);
    const attempt = async (): Promise<Float32Array> =>
      (await openModel(`${server.url}m/`, fresh)).readTensor('shared.weight');
    await expect(attempt()).rejects.toMatchObject({ code: 'weights/corrupt-chunk' });
    server.requests.length = 0;
    expect(await attempt()).toEqual(ramp(200));
    expect(server.requests).toEqual(['/m/model.safetensors']);
  });

  it('stores the small files but no weights when the quota is full or the start is stopped', async () => {
    const names = async (): Promise<string[]> =>
      (await store.list()).map(({ url }) => url.split('/').at(-1) ?? '').sort();
    const small = [...folder.keys()].filter((name) => name !== 'model.safetensors').sort();
    const stop = new AbortController();
    const stopAtWeights = (at: ModelProgress): void => {
      if (at.file === 'model.safetensors') stop.abort();
    };
    // The signal is checked at every piece; a model this small arrives in one, so the stop shows at the next.
    await expect(open({ signal: stop.signal, onProgress: stopAtWeights })).rejects.toMatchObject({
      code: 'weights/aborted',
    });
    expect(await names()).toEqual(small);
    values.quotaBytes = values.bytesStored + 300;
    await expect(open()).rejects.toMatchObject({ code: 'store/quota' });
    expect(await names()).toEqual(small);
    expect(await values.keys()).toHaveLength(2 * small.length);
  });

  it.each(['', 'models/t5', '/models/t5'])('refuses %j as an address', async (address) => {
    await expect(openModel(address, store)).rejects.toMatchObject({ code: 'weights/bad-url' });
  });
});
