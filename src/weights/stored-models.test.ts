import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalHub, startLocalHub } from '../testing/local-hub.ts';
import { MemoryKeyValue } from './key-value.ts';
import { parseModelReference } from './model-reference.ts';
import { refetchByRange } from './ranges.ts';
import { openModel, requireReference } from './source.ts';
import { openStore, type WeightStore } from './store.ts';
import type { Verdict, VerifyProgress } from './model-messages.ts';
import { listModels, removeModel, verifyModel } from './stored-models.ts';
import { modelFiles, ramp, safetensorsOf } from '../testing/model-of.ts';
import { NO_EMBEDDED } from '../testing/no-embedded.ts';

const CHUNK = 256;
let hub: LocalHub;
let values: MemoryKeyValue;
let store: WeightStore;
let commit: string;

beforeEach(async () => {
  hub = await startLocalHub();
  values = new MemoryKeyValue();
  store = await openStore(values, CHUNK);
  commit = hub.push('org/one', await modelFiles());
  hub.push('org/two', await modelFiles(400));
});
afterEach(() => hub.close());

const open = (name: string): Promise<unknown> =>
  openModel(
    requireReference(parseModelReference(name), name),
    { store, embedded: NO_EMBEDDED, hub: { endpoint: hub.endpoint, token: null }, picked: new Map() },
    { patience: { stallMs: 1000, backoffMs: [] } },
  );

describe('removeModel', () => {
  it('does not remove a model that another tab is fetching', async () => {
    await open('org/one');
    const [{ folder }] = await listModels(store);
    const [{ file }] = (await store.list()).filter(({ file }) => file.endsWith('config.json'));
    let end = (): void => undefined;
    const fetching = store.write(file, async (writer) => {
      await writer.begin({ url: file, etag: null, bytes: 1, sha256: null });
      await new Promise<void>((resolve) => (end = resolve));
      await writer.append(new Blob(['x']).stream());
    });
    await expect.poll(() => store.isBeingWritten(file)).toBe(true);
    await expect(removeModel(store, folder)).rejects.toMatchObject({ code: 'store/busy' });
    end();
    await fetching;
    expect(await listModels(store)).toHaveLength(1);
    await removeModel(store, folder);
    expect(await listModels(store)).toEqual([]);
  });
});

describe('listModels', () => {
  it('lists complete and partial models by the name that opens them again', async () => {
    expect(await listModels(store)).toEqual([]);
    await open('org/one');
    hub.fault('model.safetensors', { cutAfter: 600 });
    await expect(open('org/two')).rejects.toMatchObject({ code: 'weights/interrupted' });
    const [one, two] = await listModels(store);
    expect(one).toMatchObject({ reference: `org/one@${commit}`, isComplete: true });
    expect(two).toMatchObject({ isComplete: false });
    expect(one.bytes + two.bytes).toBe(await store.size());
    await open(two.reference);
    expect((await listModels(store)).every(({ isComplete }) => isComplete)).toBe(true);
  });

  it('calls a model without its tokenizer incomplete, unless its tokens are bytes', async () => {
    const files: Record<string, string | Buffer> = {
      ...(await modelFiles()),
      'tokenizer_config.json': '{"tokenizer_class":"ByT5Tokenizer"}',
    };
    delete files['tokenizer.json'];
    hub.push('google/byt5-tiny', files);
    await open('google/byt5-tiny');
    await open('org/one');
    const [bytes, one] = await listModels(store);
    expect([bytes.isComplete, one.isComplete]).toEqual([true, true]);
    await store.remove(`${one.folder}tokenizer.json`);
    expect((await listModels(store))[1].isComplete).toBe(false);
  });

  it('counts the shards', async () => {
    const { 'model.safetensors': single, ...small } = await modelFiles();
    const weight_map = { 'shared.weight': 'model-1.safetensors', b: 'model-2.safetensors' };
    hub.push('org/parts', {
      ...small,
      'model-1.safetensors': single,
      'model-2.safetensors': await safetensorsOf({ b: { dtype: 'F32', shape: [2], data: ramp(2) } }),
      'model.safetensors.index.json': JSON.stringify({ weight_map }),
    });
    await open('org/parts');
    const [{ folder }] = await listModels(store);
    expect((await listModels(store))[0].isComplete).toBe(true);
    await store.remove(`${folder}model-2.safetensors`);
    expect((await listModels(store))[0].isComplete).toBe(false);
  });
});

describe('verifyModel', () => {
  const refetch = refetchByRange({ patience: { stallMs: 1000, backoffMs: [] } });
  const verify = async (onProgress: (at: VerifyProgress) => void = () => undefined): Promise<Verdict> => {
    const [{ folder }] = await listModels(store);
    return verifyModel(await openStore(values, CHUNK), folder, refetch, onProgress);
  };
  const damage = async (index: number): Promise<void> => {
    const weights = (await store.list()).find(({ url }) => url.endsWith('model.safetensors'));
    await values.setBytes(`chunk/${weights?.id}/${index}`, new Uint8Array(CHUNK));
  };
  const asked = (): object[] => hub.cdnRequests.map(({ file, range }) => ({ file, range }));

  beforeEach(async () => {
    await open('org/one');
    hub.cdnRequests.length = 0;
  });

  it('finds no fault in an intact model, and reports progress', async () => {
    const progress: number[] = [];
    expect(await verify((at) => progress.push(at.bytes))).toEqual({ mended: [], removed: [] });
    expect(progress.at(-1)).toBe((await listModels(store))[0].bytes);
    expect(asked()).toEqual([]);
  });

  it('fetches only the damaged parts again', async () => {
    await damage(0);
    await damage(2);
    expect(await verify()).toEqual({ mended: ['model.safetensors'], removed: [] });
    expect(asked()).toEqual([
      { file: 'model.safetensors', range: 'bytes=0-255' },
      { file: 'model.safetensors', range: 'bytes=512-767' },
    ]);
    expect(await verify()).toEqual({ mended: [], removed: [] });
  });

  it('removes a file that cannot be repaired, which the next use downloads again', async () => {
    await damage(1);
    hub.fault('model.safetensors', { ignoresRange: true });
    expect(await verify()).toEqual({ mended: [], removed: ['model.safetensors'] });
    expect((await listModels(store))[0].isComplete).toBe(false);
    hub.cdnRequests.length = 0;
    await open('org/one');
    expect(asked()).toEqual([{ file: 'model.safetensors', range: undefined }]);
    expect(await verify()).toEqual({ mended: [], removed: [] });
  });

  it('leaves a file in place that cannot be repaired for now', async () => {
    await damage(1);
    hub.fault('model.safetensors', { status: 503 });
    await expect(verify()).rejects.toMatchObject({
      code: 'weights/corrupt-chunk',
      message: expect.stringMatching(/part 2 of \d+\), and this part could not be downloaded again\. .*503/) as string,
    });
    expect((await listModels(store))[0].isComplete).toBe(true);
    expect((await verify()).mended).toEqual(['model.safetensors']);
  });
});

describe('removeModel', () => {
  it('removes all of a model, partial files included, and no other', async () => {
    hub.fault('model.safetensors', { cutAfter: 600 });
    await open('org/one').catch(() => undefined);
    await open('org/two');
    const [one, two] = await listModels(store);
    await removeModel(store, one.folder);
    expect(await listModels(store)).toEqual([two]);
    await removeModel(store, two.folder);
    expect(await values.keys()).toEqual([]);
  });
});
