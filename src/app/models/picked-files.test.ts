import { describe, expect, it } from 'vitest';
import { type DroppedItem, pickedFrom, pickedFromDrop } from './picked-files.ts';

const file = (name: string, path = ''): File => Object.assign(new File(['x'], name), { webkitRelativePath: path });
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
  return { isFile: false, createReader: () => ({ readEntries }) } as unknown as FileSystemEntry;
};
const item = (entry: FileSystemEntry | null, own: File | null = null, kind = 'file'): DroppedItem => ({
  kind,
  getAsFile: () => own,
  webkitGetAsEntry: () => entry,
});

describe('pickedFrom', () => {
  it('takes a folder and its name, or single files', () => {
    const folder = pickedFrom([file('config.json', 't5/config.json'), file('w', 't5/onnx/w')]);
    expect([folder?.name, folder?.files.map(({ path }) => path)]).toEqual(['t5', ['t5/config.json', 't5/onnx/w']]);
    expect(pickedFrom([file('config.json'), file('model.safetensors')])?.name).toBe('files');
    expect(pickedFrom([file('tiny-Q4_0.gguf')])?.name).toBe('tiny-Q4_0.gguf');
    expect(pickedFrom([])).toBeNull();
  });
});

describe('pickedFromDrop', () => {
  it('walks through folders to the last portion of entries', async () => {
    const inner = folderEntry([fileEntry('/t5/sub/a'), fileEntry('/t5/sub/b')]);
    const dropped = await pickedFromDrop([
      item(folderEntry([fileEntry('/t5/config.json'), inner, fileEntry('/t5/w')])),
    ]);
    expect(dropped?.name).toBe('t5');
    expect(dropped?.files.map(({ path }) => path)).toEqual(['t5/config.json', 't5/sub/a', 't5/sub/b', 't5/w']);
  });

  it('takes plain files if the browser has no entries, and ignores everything else', async () => {
    const dropped = await pickedFromDrop([item(null, file('config.json')), item(null, null, 'string')]);
    expect(dropped?.files.map(({ path }) => path)).toEqual(['config.json']);
    expect(await pickedFromDrop([item(null, null, 'string')])).toBeNull();
  });
});
