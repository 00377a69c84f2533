import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openStore, writePieces } from '../weights/store.ts';
import { FolderKeyValue } from './key-value-folder.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gorp-store-'));
});
afterEach(() => rm(root, { recursive: true }));

const bytes = Uint8Array.from({ length: 350 }, (_, i) => i * 7);
const origin = { url: 'https://a/w', etag: '"1"', bytes: 350, sha256: null };
const piecesOf = (of: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> => new Blob([of]).stream();

describe('a weight store in a folder', () => {
  it('stores files across processes, interrupted ones included', async () => {
    const store = await openStore(await FolderKeyValue.open(root), 100);
    await writePieces(store, 'https://a/w', origin, piecesOf(bytes));
    await store
      .write('x', async (writer) => {
        await writer.begin(origin);
        await writer.append(piecesOf(bytes.slice(0, 250)));
        writer.keep();
        throw new Error('the cable is out');
      })
      .catch(() => undefined);
    const later = await openStore(await FolderKeyValue.open(root), 100);
    expect(await later.read('https://a/w', 0, 350)).toEqual(bytes);
    expect((await later.partials()).map(({ file, chunks }) => [file, chunks.length])).toEqual([['x', 2]]);
    await later.remove('x');
    await later.remove('https://a/w');
    expect([await readdir(join(root, 'objects')), await readdir(join(root, 'bytes'))]).toEqual([[], []]);
  });

  it('removes old drafts of killed processes', async () => {
    await FolderKeyValue.open(root);
    const [old, recent] = ['old', 'recent'].map((name) => join(root, 'bytes', `${name}.draft`));
    for (const path of [old, recent]) await writeFile(path, 'half');
    await utimes(old, 0, 0);
    await FolderKeyValue.open(root);
    expect(await readdir(join(root, 'bytes'))).toEqual(['recent.draft']);
  });

  it('judges the age of drafts by the clock that dates them, not by its own', async () => {
    await FolderKeyValue.open(root);
    await writeFile(join(root, 'bytes', 'live.draft'), 'half');
    const now = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(now + 7_200_000);
    try {
      await FolderKeyValue.open(root);
    } finally {
      vi.restoreAllMocks();
    }
    expect(await readdir(join(root, 'bytes'))).toEqual(['live.draft']);
  });

  it('reports the free space on the disk, and detects a damaged chunk', async () => {
    const values = await FolderKeyValue.open(root);
    expect(await values.room()).toBeGreaterThan(0);
    const store = await openStore(values, 100);
    const { id } = await writePieces(store, 'w', origin, piecesOf(bytes));
    await values.setBytes(`chunk/${id}/1`, new Uint8Array(100));
    await expect(store.read('w', 0, 350)).rejects.toMatchObject({ code: 'weights/corrupt-chunk' });
    expect(await values.keys()).toEqual([]);
  });

  it('lets one process write a file at a time, and does not wait for one that died', async () => {
    const one = await FolderKeyValue.open(root);
    const other = await FolderKeyValue.open(root);
    const order: string[] = [];
    let release = (): void => undefined;
    const first = one.run('w', async () => {
      order.push('first');
      await new Promise<void>((resolve) => (release = resolve));
      order.push('first ends');
    });
    await expect.poll(() => order).toEqual(['first']);
    expect(await other.running()).toEqual(new Set(['w']));
    const second = other.run('w', () => Promise.resolve(order.push('second')));
    const stop = new AbortController();
    const third = other.run('w', () => Promise.resolve(order.push('third')), stop.signal);
    stop.abort(new Error('enough'));
    await expect(third).rejects.toThrow('enough');
    release();
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'first ends', 'second']);
    // The lock of a dead process.
    const held = one.run('w', async () => {
      const lock = join(root, 'locks', (await readdir(join(root, 'locks')))[0]);
      const [line, beats] = (await readFile(lock, 'utf8')).split('\n');
      const content = JSON.parse(line) as { process: { id: number } };
      content.process.id = 2 ** 30; // more than any system gives
      await writeFile(lock, `${JSON.stringify(content)}\n${beats}`);
      expect(await other.running()).toEqual(new Set());
      await other.run('w', () => Promise.resolve());
    });
    await held;
  });

  it('names a folder that cannot be used', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(FolderKeyValue.open(join(root, 'file'))).rejects.toMatchObject({
      code: 'store/failed',
      message: expect.stringContaining(root) as string,
    });
  });
});
