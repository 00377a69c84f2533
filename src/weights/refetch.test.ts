import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fault, type LocalHub, startLocalHub } from '../testing/local-hub.ts';
import { MemoryKeyValue } from './key-value.ts';
import type { ModelFiles } from './model-folder.ts';
import { openModel } from './source.ts';
import { openStore } from './store.ts';
import { modelFiles, ramp } from '../testing/model-of.ts';
import { WatchedKeyValue } from '../testing/watched-key-value.ts';
import { NO_EMBEDDED } from '../testing/no-embedded.ts';

const CHUNK = 256;
const FILE = 'model.safetensors';
const ALL = { file: FILE, range: undefined };
const PART = { file: FILE, range: 'bytes=512-767' };
let hub: LocalHub;
let values: WatchedKeyValue;
let commit: string;

beforeEach(async () => {
  hub = await startLocalHub();
  values = new WatchedKeyValue(new MemoryKeyValue());
  commit = hub.push('org/one', await modelFiles());
});
afterEach(() => hub.close());

/** Opens the model as a later session would, with nothing verified yet. */
const open = async (signal?: AbortSignal): Promise<ModelFiles> =>
  openModel(
    { kind: 'hub', repository: 'org/one', revision: commit },
    {
      store: await openStore(values, CHUNK),
      embedded: NO_EMBEDDED,
      hub: { endpoint: hub.endpoint, token: null },
      picked: new Map(),
    },
    { patience: { stallMs: 700, backoffMs: [0] }, signal },
  );
const weights = async () => {
  const found = (await (await openStore(values, CHUNK)).list()).find(({ url }) => url.endsWith(FILE));
  if (found === undefined) throw new Error('The store lacks the weights.');
  return found;
};
const damage = async (): Promise<void> => values.setBytes(`chunk/${(await weights()).id}/2`, new Uint8Array(CHUNK));
const asked = (): object[] => hub.cdnRequests.map(({ file, range }) => ({ file, range }));

describe('a run that reads a damaged part', () => {
  beforeEach(async () => {
    await open();
    await damage();
    hub.cdnRequests.length = 0;
  });

  it('fetches only that part again and continues', async () => {
    const before = (await values.keys()).sort();
    const model = await open();
    expect(await model.readTensor('shared.weight')).toEqual(ramp(200));
    expect(asked()).toEqual([PART]);
    expect((await values.keys()).sort()).toEqual(before);
    // It is stored: the next session makes no request.
    expect(await (await open()).readTensor('shared.weight')).toEqual(ramp(200));
    expect(asked()).toEqual([PART]);
  });

  it.each<[string, Fault]>([
    ['is cut short', { cutAfter: 100 }],
    ['stalls', { stallAfter: 100 }],
    ['is refused temporarily', { status: 503 }],
  ])('retries when the answer %s', async (_, fault) => {
    hub.fault(FILE, fault);
    expect(await (await open()).readTensor('shared.weight')).toEqual(ramp(200));
    expect(asked()).toEqual([PART, PART]);
  });

  it.each<[string, Fault]>([
    ['sends the whole file', { ignoresRange: true }],
    ['sends other bytes', { corrupts: true }],
    ['has other content now', { changedTo: { etag: '"v2"', body: new Uint8Array(2000) } }],
    ['has a shorter file now', { changedTo: { etag: '"v2"', body: new Uint8Array(20) } }],
    ['no longer has the file', { status: 404 }],
  ])('removes the file when the server %s; the next session downloads all of it', async (_, fault) => {
    hub.fault(FILE, fault);
    const model = await open();
    await expect(model.readTensor('shared.weight')).rejects.toMatchObject({
      code: 'weights/corrupt-chunk',
      message: expect.stringMatching(/\(part 3 of \d+\) and was removed\.$/) as string,
    });
    await expect(weights()).rejects.toThrow('lacks');
    expect((await values.keys()).filter((key) => key.startsWith('partial/'))).toEqual([]);
    expect(await (await open()).readTensor('shared.weight')).toEqual(ramp(200));
    expect(asked()).toEqual([PART, ALL]);
  });

  it.each<[string, Fault, string]>([
    ['is busy', { status: 503 }, 'HTTP 503'],
    ['wants a login', { html: true }, 'is a web page'],
    ['refuses the token', { status: 401 }, 'refused access'],
  ])('leaves the file when the server %s, and reports both problems', async (_, fault, why) => {
    hub.fault(FILE, fault, fault);
    const before = (await values.keys()).sort();
    const model = await open();
    await expect(model.readTensor('shared.weight')).rejects.toMatchObject({
      code: 'weights/corrupt-chunk',
      message: expect.stringContaining(why) as string,
    });
    expect((await values.keys()).sort()).toEqual(before);
    hub.fault(FILE);
    expect(await (await open()).readTensor('shared.weight')).toEqual(ramp(200));
  });

  it('leaves the file when the disk has no room, or when it is stopped', async () => {
    const model = await open();
    values.quotaBytes = 0;
    await expect(model.readTensor('shared.weight')).rejects.toMatchObject({
      message: expect.stringContaining('no more room') as string,
    });
    values.quotaBytes = Infinity;
    const stop = new AbortController();
    const stopped = await open(stop.signal);
    stop.abort();
    await expect(stopped.readTensor('shared.weight')).rejects.toMatchObject({ code: 'weights/aborted' });
    expect(await (await open()).readTensor('shared.weight')).toEqual(ramp(200));
  });

  it('stores nothing when the file is removed meanwhile', async () => {
    const model = await open();
    hub.fault(FILE, { stallAfter: 0 }); // Time enough, until the second try.
    const reading = model.readTensor('shared.weight');
    const store = await openStore(values, CHUNK);
    for (const { file } of await store.list()) await store.remove(file);
    expect(await reading).toEqual(ramp(200));
    expect(await values.keys()).toEqual([]);
  });
});
