import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalHub, startLocalHub } from '../testing/local-hub.ts';
import { MemoryKeyValue } from './key-value-memory.ts';
import { parseModelReference } from './model-reference.ts';
import { openModel, requireReference } from './source.ts';
import { openStore, type WeightStore } from './store.ts';
import { listModels, removeModel, verifyModel } from './stored-models.ts';
import { modelFiles, ramp, safetensorsOf } from './testing/model-of.ts';

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
    { store, embedded: { url: '', version: '' }, hub: { endpoint: hub.endpoint, token: null }, files: [] },
    { patience: { stallMs: 1000, backoffMs: [] } },
  );

describe('listModels', () => {
  it('gives whole models and begun ones, by the name that opens them again', async () => {
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
  it('finds damage, removes the damaged file alone, and the next use fetches it anew', async () => {
    await open('org/one');
    const [{ folder, bytes }] = await listModels(store);
    const progress: number[] = [];
    const verify = async (): Promise<string[]> =>
      verifyModel(await openStore(values, CHUNK), folder, (at) => progress.push(at.bytes));
    expect(await verify()).toEqual([]);
    expect(progress.at(-1)).toBe(bytes);
    const weights = (await store.list()).find(({ url }) => url.endsWith('model.safetensors'));
    await values.setBytes(`chunk/${weights?.id}/1`, new Uint8Array(CHUNK));
    expect(await verify()).toEqual(['model.safetensors']);
    expect((await listModels(store))[0].isComplete).toBe(false);
    hub.cdnRequests.length = 0;
    await open('org/one');
    expect(hub.cdnRequests.map(({ file }) => file)).toEqual(['model.safetensors']);
    expect(await verify()).toEqual([]);
  });
});

describe('removeModel', () => {
  it('removes all of a model, what was begun too, and no other', async () => {
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
