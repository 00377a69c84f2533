import 'fake-indexeddb/auto';
import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WatchedKeyValue } from '../testing/watched-key-value.ts';
import type { Origin } from './file-writer.ts';
import { IndexedDbKeyValue, type KeyValue, MemoryKeyValue } from './key-value.ts';
import { openBrowserStore, openMemoryStore, openStore, type WeightStore, writePieces } from './store.ts';

const CHUNK = 100;
const origin = (url: string, bytes: number | null = null): Origin => ({ url, etag: '"v1"', bytes, sha256: null });
const numbered = (length: number, first = 0): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => first + i * 7);

// oxlint-disable-next-line typescript/require-await -- async, as from a download.
async function* pieces(bytes: Uint8Array, size: number, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  if (failure !== undefined) throw failure;
}

let databases = 0;
const kinds: [name: string, make: () => KeyValue][] = [
  ['memory', () => new MemoryKeyValue()],
  ['IndexedDB', () => new IndexedDbKeyValue(`test-${databases++}`)],
];

describe.each(kinds)('a weight store in %s', (_, make) => {
  const open = async (): Promise<{ values: WatchedKeyValue; store: Awaited<ReturnType<typeof openStore>> }> => {
    const values = new WatchedKeyValue(make());
    return { values, store: await openStore(values, CHUNK) };
  };
  const chunkKeys = async (values: KeyValue): Promise<string[]> =>
    (await values.keys()).filter((key) => key.startsWith('chunk/'));

  it.each([0, 1, 99, 100, 101, 250, 300])('stores a file of %i bytes in chunks with their hashes', async (length) => {
    const { values, store } = await open();
    const bytes = numbered(length);
    const manifest = await writePieces(store, 'w', origin('https://a/w', length), pieces(bytes, 33));
    expect(await store.manifest('w')).toEqual(manifest);
    expect(manifest).toMatchObject({ file: 'w', url: 'https://a/w', etag: '"v1"', bytes: length, chunkBytes: CHUNK });
    expect(manifest.chunks.map((chunk) => chunk.bytes)).toEqual(
      Array.from({ length: Math.ceil(length / CHUNK) }, (_, i) => Math.min(CHUNK, length - i * CHUNK)),
    );
    for (const [i, chunk] of manifest.chunks.entries()) {
      const digest = await crypto.subtle.digest('SHA-256', bytes.slice(i * CHUNK, (i + 1) * CHUNK));
      expect(chunk.sha256).toBe(Buffer.from(digest).toString('hex'));
    }
    expect(await chunkKeys(values)).toHaveLength(manifest.chunks.length);
    expect(await store.read('w', 0, length)).toEqual(bytes);
  });

  it('reads any range, written in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(450),
        fc.integer({ min: 1, max: 230 }),
        fc.nat(450),
        fc.nat(450),
        async (length, size, a, b) => {
          const { store } = await open();
          const bytes = numbered(length);
          await writePieces(store, 'w', origin('u'), pieces(bytes, size));
          const [begin, end] = [Math.min(a, length), Math.min(b, length)].sort((x, y) => x - y);
          expect(await store.read('w', begin, end)).toEqual(bytes.slice(begin, end));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('returns memory that the caller owns', async () => {
    const { store } = await open();
    await writePieces(store, 'w', origin('u'), pieces(numbered(150), 50));
    (await store.read('w', 0, 100)).fill(0);
    expect(await store.read('w', 0, 150)).toEqual(numbered(150));
    await expect(store.read('w', 100, 151)).rejects.toThrow(RangeError);
    await expect(store.read('w', 2, 1)).rejects.toThrow(RangeError);
    await expect(store.read('w', -1, 1)).rejects.toThrow(RangeError);
  });

  it('lists, counts and removes files', async () => {
    const { values, store } = await open();
    expect([await store.list(), await store.size(), await store.manifest('a')]).toEqual([[], 0, null]);
    await writePieces(store, 'a', origin('u/a'), pieces(numbered(150), 50));
    await writePieces(store, 'b/c#d', origin('u/b'), pieces(numbered(30), 50));
    expect((await store.list()).map(({ file, url, bytes }) => [file, url, bytes]).sort()).toEqual([
      ['a', 'u/a', 150],
      ['b/c#d', 'u/b', 30],
    ]);
    expect(await store.size()).toBe(180);
    await store.remove('a');
    await store.remove('never there');
    expect((await store.list()).map(({ file }) => file)).toEqual(['b/c#d']);
    expect(await chunkKeys(values)).toHaveLength(1);
    await expect(store.read('a', 0, 1)).rejects.toMatchObject({ code: 'store/missing' });
    expect(await store.read('b/c#d', 0, 30)).toEqual(numbered(30));
  });

  it('replaces an old file and reads the new one', async () => {
    const { values, store } = await open();
    await writePieces(store, 'w', origin('u'), pieces(numbered(250), 50));
    await store.read('w', 0, 10);
    await writePieces(store, 'w', origin('u'), pieces(numbered(120, 3), 50));
    expect(await store.read('w', 0, 120)).toEqual(numbered(120, 3));
    expect(await chunkKeys(values)).toHaveLength(2);
    expect(await store.size()).toBe(120);
  });

  it('stores nothing of a failed write, and preserves the earlier file', async () => {
    const { values, store } = await open();
    await writePieces(store, 'w', origin('u'), pieces(numbered(150), 50));
    const before = (await values.keys()).sort();
    const failure = new Error('the cable is out');
    await expect(writePieces(store, 'w', origin('u'), pieces(numbered(350), 50, failure))).rejects.toBe(failure);
    await expect(writePieces(store, 'x', origin('u'), pieces(numbered(50), 50, failure))).rejects.toBe(failure);
    expect((await values.keys()).sort()).toEqual(before);
    expect(await store.read('w', 0, 150)).toEqual(numbered(150));
    expect(await store.manifest('x')).toBeNull();
  });

  it('stores nothing when the quota is full, and says how much is needed', async () => {
    const { values, store } = await open();
    values.quotaBytes = 250;
    for (const [bytes, needs] of [
      [900, 'needs 900 B'],
      [null, 'needs at least 300 B'],
    ] as const) {
      await expect(
        writePieces(store, 'w', origin('https://a/w', bytes), pieces(numbered(900), 90)),
      ).rejects.toMatchObject({
        code: 'store/quota',
        message: expect.stringContaining(needs) as string,
        nextStep: expect.stringMatching(/free|remove/i) as string,
      });
      expect(await values.keys()).toEqual([]);
      values.bytesStored = 0;
    }
    expect(await store.list()).toEqual([]);
  });

  it('stops the source of a failed write', async () => {
    const { values, store } = await open();
    values.quotaBytes = 0;
    let stopped = false;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield await Promise.resolve(numbered(60));
      } finally {
        stopped = true;
      }
    };
    await expect(writePieces(store, 'w', origin('u'), endless())).rejects.toMatchObject({ code: 'store/quota' });
    expect(stopped).toBe(true);
  });

  it('does not start a write that the browser has no room for', async () => {
    const { values, store } = await open();
    values.roomBytes = 500;
    let asked = false;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      asked = true;
      yield await Promise.resolve(numbered(501));
    };
    await expect(writePieces(store, 'w', origin('u', 501), source())).rejects.toMatchObject({ code: 'store/quota' });
    expect(asked).toBe(false);
    await writePieces(store, 'w', origin('u', 500), pieces(numbered(500), 500));
    expect(await store.size()).toBe(500);
  });

  it.each([
    ['a changed byte', 1, (bytes: Uint8Array<ArrayBuffer>) => bytes.fill(bytes[9] ^ 1, 9, 10)],
    ['a truncated chunk', 0, (bytes: Uint8Array<ArrayBuffer>) => bytes.slice(1)],
    ['an empty chunk', 2, () => new Uint8Array()],
  ])('finds %s, reports it, and removes the file', async (_, index, damage) => {
    const { values, store } = await open();
    await writePieces(store, 'other', origin('u'), pieces(numbered(10), 10));
    const { id } = await writePieces(store, 'w', origin('https://a/w'), pieces(numbered(250), 50));
    const key = `chunk/${id}/${index}`;
    const good = (await values.getBytes(key)) ?? new Uint8Array();
    await values.setBytes(key, damage(good));
    // The other chunks are intact.
    const sound = index === 0 ? 100 : 0;
    expect(await store.read('w', sound, sound + 5)).toEqual(numbered(250).slice(sound, sound + 5));
    await expect(store.read('w', 0, 250)).rejects.toMatchObject({
      code: 'weights/corrupt-chunk',
      message: expect.stringContaining(`https://a/w is damaged (part ${index + 1} of 3)`) as string,
    });
    expect(await store.manifest('w')).toBeNull();
    expect(await chunkKeys(values)).toHaveLength(1);
    // A new copy reads normally.
    await writePieces(store, 'w', origin('https://a/w'), pieces(numbered(250), 50));
    expect(await store.read('w', 0, 250)).toEqual(numbered(250));
  });

  it('finds a missing chunk', async () => {
    const { values, store } = await open();
    const { id } = await writePieces(store, 'w', origin('u'), pieces(numbered(250), 50));
    await values.delete([`chunk/${id}/1`]);
    await expect(store.read('w', 120, 130)).rejects.toMatchObject({ code: 'weights/corrupt-chunk' });
    expect(await values.keys()).toEqual([]);
  });

  it('checks each chunk’s hash once a session, and reads a chunk once for adjacent ranges', async () => {
    const digest = vi.spyOn(crypto.subtle, 'digest');
    const { values, store } = await open();
    await writePieces(store, 'w', origin('u'), pieces(numbered(250), 50));
    digest.mockClear();
    for (const begin of [0, 10, 20, 90]) await store.read('w', begin, begin + 10);
    expect([digest.mock.calls.length, values.bytesRead]).toEqual([1, 100]);
    for (let i = 0; i < 3; i++) await store.read('w', 0, 250);
    expect(digest).toHaveBeenCalledTimes(3);
    const later = await openStore(values, CHUNK);
    await later.read('w', 0, 250);
    expect(digest).toHaveBeenCalledTimes(6);
    digest.mockRestore();
  });

  it('reads an earlier session’s files with another chunk size', async () => {
    const { values, store } = await open();
    await writePieces(store, 'w', origin('u'), pieces(numbered(250), 50));
    const later = await openStore(values, 64);
    expect(await later.read('w', 95, 205)).toEqual(numbered(250).slice(95, 205));
  });

  it('removes leftovers of interrupted writes and other formats at the next start', async () => {
    const { values, store } = await open();
    const { id } = await writePieces(store, 'w', origin('u'), pieces(numbered(250), 50));
    await values.setBytes('chunk/interrupted/0', numbered(CHUNK));
    await values.setBytes('chunk/interrupted/1', numbered(CHUNK));
    await values.setObject('manifest/strange', { file: 'strange', id: 'strange', pages: 3 });
    const manifest = await store.manifest('w');
    await values.setObject('manifest/short', { ...manifest, file: 'short', id: 'short', bytes: 251 });
    await values.setBytes('chunk/short/0', numbered(CHUNK));
    // None of it counted as a file before, either.
    expect((await store.list()).map(({ file }) => file)).toEqual(['w']);
    const later = await openStore(values, CHUNK);
    expect((await values.keys()).sort()).toEqual([`chunk/${id}/0`, `chunk/${id}/1`, `chunk/${id}/2`, 'manifest/w']);
    expect(await later.read('w', 0, 250)).toEqual(numbered(250));
  });
});

describe('a store opened while another tab writes', () => {
  it('leaves unfinished chunks alone until that tab is gone', async () => {
    const values = new MemoryKeyValue();
    const store = await openStore(values, CHUNK);
    let opened = 0;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield numbered(150);
      await openStore(values, CHUNK);
      opened++;
      yield numbered(150, 150 * 7);
    };
    await writePieces(store, 'w', origin('u'), source());
    expect(opened).toBe(1);
    expect(await store.read('w', 0, 300)).toEqual(numbered(300));
  });
});

describe.each(kinds)('an interrupted write in %s', (_, make) => {
  const cut = new Error('the cable is out');
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const open = async (): Promise<{ values: KeyValue; store: WeightStore }> => {
    const values = make();
    return { values, store: await openStore(values, CHUNK) };
  };
  /** Writes the first bytes, then fails and leaves them stored. */
  const interrupt = (store: WeightStore, of: Origin, bytes: Uint8Array): Promise<unknown> =>
    store
      .write('w', async (writer) => {
        await writer.begin(of);
        writer.keep();
        await writer.append(pieces(bytes, 33, cut));
      })
      .catch((thrown: unknown) => thrown);

  it('is not a file, counts towards the size, and resumes in a later session', async () => {
    const { values, store } = await open();
    const bytes = numbered(350);
    const of = { ...origin('u', 350), sha256: sha256(bytes) };
    expect(await interrupt(store, of, bytes.subarray(0, 240))).toBe(cut);
    const later = await openStore(values, CHUNK);
    expect([await later.manifest('w'), await later.list(), await later.size()]).toEqual([null, [], 200]);
    expect(await later.partials()).toMatchObject([{ file: 'w', url: 'u', etag: '"v1"', bytes: 350 }]);
    await expect(later.read('w', 0, 1)).rejects.toMatchObject({ code: 'store/missing' });
    await later.write('w', async (writer) => {
      expect([writer.bytes, writer.origin?.etag]).toEqual([200, '"v1"']);
      await writer.append(pieces(bytes.subarray(200), 60));
    });
    expect(await later.read('w', 0, 350)).toEqual(bytes);
    expect([await later.partials(), (await values.keys()).length]).toEqual([[], 5]);
  });

  it('can be resumed by the same writer, as after a reconnection', async () => {
    const { store } = await open();
    const bytes = numbered(350);
    await store.write('w', async (writer) => {
      await writer.begin({ ...origin('u'), sha256: sha256(bytes) });
      await writer.append(pieces(bytes.subarray(0, 140), 70, cut)).catch(() => undefined);
      expect(writer.bytes).toBe(100);
      await writer.append(pieces(bytes.subarray(100), 70));
    });
    expect(await store.read('w', 0, 350)).toEqual(bytes);
  });

  it('is dropped when the write starts over, with a smaller file', async () => {
    const { values, store } = await open();
    await interrupt(store, origin('u'), numbered(450));
    await writePieces(store, 'w', origin('u'), pieces(numbered(120, 3), 50));
    expect(await store.read('w', 0, 120)).toEqual(numbered(120, 3));
    expect(await values.keys()).toHaveLength(3);
  });

  it('is deleted by remove', async () => {
    const { values, store } = await open();
    await interrupt(store, origin('u'), numbered(250));
    await store.remove('w');
    expect(await values.keys()).toEqual([]);
  });

  it.each([
    ['without a strong ETag or a hash', { etag: 'W/"v1"' }],
    ['without any ETag', { etag: null }],
  ])('%s cannot be resumed: the next session removes it', async (_, of) => {
    const { values, store } = await open();
    await interrupt(store, { ...origin('u'), ...of }, numbered(250));
    expect(await store.partials()).toHaveLength(1);
    await openStore(values, CHUNK);
    expect(await values.keys()).toEqual([]);
  });

  it('is removed when its record makes no sense', async () => {
    const { values, store } = await open();
    await interrupt(store, { ...origin('u'), sha256: sha256(numbered(9)) }, numbered(250));
    const [partial] = await store.partials();
    await values.setObject('partial/w', { ...partial, hash: 'no state' });
    await store.write('w', async (writer) => {
      expect([writer.bytes, writer.origin]).toEqual([0, null]);
      await writer.begin(origin('u'));
      await writer.append(pieces(numbered(10), 10));
    });
    await interrupt(store, origin('u'), numbered(250));
    await values.setObject('partial/w', { file: 'w', id: 'w', pages: 3 });
    const later = await openStore(values, CHUNK);
    expect([await later.partials(), await later.size(), (await values.keys()).length]).toEqual([[], 10, 2]);
  });

  it('refuses content with another hash, and stores none of it', async () => {
    const { values, store } = await open();
    const of = { ...origin('https://a/w'), sha256: sha256(numbered(350)) };
    await expect(writePieces(store, 'w', of, pieces(numbered(350, 1), 90))).rejects.toMatchObject({
      code: 'weights/wrong-hash',
      message: expect.stringContaining('https://a/w') as string,
    });
    expect(await values.keys()).toEqual([]);
    await writePieces(store, 'w', of, pieces(numbered(350), 90));
    expect(await store.size()).toBe(350);
  });
});

describe('two writes of one file', () => {
  it('run in turn: the later one uses what the earlier one stored', async () => {
    const store = await openStore(new MemoryKeyValue(), CHUNK);
    const filled: string[] = [];
    const write = (name: string): ReturnType<typeof store.write> =>
      store.write('w', async (writer) => {
        filled.push(name);
        await writer.begin(origin('u'));
        await writer.append(pieces(numbered(250), 50));
      });
    const [first, second] = await Promise.all([write('first'), write('second')]);
    expect([filled, second.id]).toEqual([['first'], first.id]);
    // One that starts later does write.
    await write('third');
    expect(filled).toEqual(['first', 'third']);
  });

  it('stop on request while they wait', async () => {
    const store = await openStore(new MemoryKeyValue(), CHUNK);
    let finish: (() => void) | undefined;
    const first = store.write('w', async (writer) => {
      await writer.begin(origin('u'));
      await new Promise<void>((resolve) => (finish = resolve));
    });
    const stop = new AbortController();
    const second = store.write('w', () => Promise.reject(new Error('not its turn')), stop.signal);
    stop.abort(new Error('enough'));
    await vi.waitFor(() => expect(finish).toBeDefined());
    finish?.();
    await expect(second).rejects.toThrow('enough');
    expect((await first).bytes).toBe(0);
  });
});

describe('IndexedDbKeyValue', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('lists running work of all tabs by Web Locks, only under its own names', async () => {
    const held = new Set<string>(['another app/lock']);
    const locks = {
      request: async (name: string, _: object, work: () => Promise<unknown>) => {
        held.add(name);
        return work().finally(() => held.delete(name));
      },
      query: () => Promise.resolve({ held: [...held].map((name) => ({ name })) }),
    };
    vi.stubGlobal('navigator', { locks, storage: { estimate: () => Promise.resolve({ quota: 100, usage: 30 }) } });
    const values = new IndexedDbKeyValue('locked');
    const during = await values.run('write-1', () => new IndexedDbKeyValue('locked').running());
    expect([during, await values.running()]).toEqual([new Set(['write-1']), new Set()]);
    expect(await values.room()).toBe(70);
  });

  it('reports a database that cannot be opened', async () => {
    vi.stubGlobal('indexedDB', {
      open: () => {
        throw new DOMException('no storage here', 'SecurityError');
      },
    });
    await expect(openStore(new IndexedDbKeyValue('closed'))).rejects.toMatchObject({
      code: 'store/failed',
      message: expect.stringContaining('no storage here') as string,
    });
  });

  it('treats an unreadable Blob as a missing chunk', async () => {
    const values = new IndexedDbKeyValue('lost-blob');
    const store = await openStore(values, CHUNK);
    await writePieces(store, 'w', origin('u'), pieces(numbered(50), 50));
    const unreadable = vi
      .spyOn(Blob.prototype, 'arrayBuffer')
      .mockRejectedValue(new DOMException('gone', 'NotReadableError'));
    await expect(store.read('w', 0, 50)).rejects.toMatchObject({ code: 'weights/corrupt-chunk' });
    unreadable.mockRestore();
    expect(await values.keys()).toEqual([]);
  });
});

describe('the stores of the app', () => {
  it('use chunks of 4 MiB; the browser’s persists from one opening to the next', async () => {
    const bytes = new Uint8Array(4 * 2 ** 20 + 1).fill(5);
    for (const open of [openMemoryStore, openBrowserStore]) {
      const manifest = await writePieces(await open(), 'w', origin('u'), pieces(bytes, 2 ** 20));
      expect(manifest.chunks.map((chunk) => chunk.bytes)).toEqual([4 * 2 ** 20, 1]);
    }
    expect(await (await openBrowserStore()).size()).toBe(bytes.length);
    expect(await (await openMemoryStore()).size()).toBe(0);
  });
});
