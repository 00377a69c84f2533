import { describe, expect, it } from 'vitest';
import { type DroppedItem, filesOfDrop } from './dropped-files.ts';

const file = (name: string): File => new File(['x'], name);
const fileEntry = (fullPath: string): FileSystemEntry =>
  ({
    isFile: true,
    fullPath,
    file: (resolve: (of: File) => void) => resolve(file(fullPath)),
  }) as unknown as FileSystemEntry;
/** A folder that returns its entries in portions, as browsers do. */
const folderEntry = (entries: FileSystemEntry[]): FileSystemEntry => {
  const portions = [entries.slice(0, 1), entries.slice(1)].filter(({ length }) => length > 0);
  const readEntries = (resolve: (of: FileSystemEntry[]) => void): void => resolve(portions.shift() ?? []);
  return {
    isFile: false,
    isDirectory: true,
    fullPath: '/t5',
    createReader: () => ({ readEntries }),
  } as unknown as FileSystemEntry;
};
const item = (entry: FileSystemEntry | null, own: File | null = null, kind = 'file'): DroppedItem => ({
  kind,
  getAsFile: () => own,
  webkitGetAsEntry: () => entry,
});

describe('filesOfDrop', () => {
  it('walks through folders to the last portion of entries', async () => {
    const inner = folderEntry([fileEntry('/t5/sub/a'), fileEntry('/t5/sub/b')]);
    const dropped = await filesOfDrop([item(folderEntry([fileEntry('/t5/config.json'), inner, fileEntry('/t5/w')]))]);
    expect(dropped.map(({ path }) => path)).toEqual(['t5/config.json', 't5/sub/a', 't5/sub/b', 't5/w']);
  });

  it('takes plain files if the browser has no entries, and ignores everything else', async () => {
    const dropped = await filesOfDrop([item(null, file('config.json')), item(null, null, 'string')]);
    expect(dropped.map(({ path }) => path)).toEqual(['config.json']);
    expect(await filesOfDrop([item(null, null, 'string')])).toEqual([]);
  });
});
