import type { PickedFile } from '../../weights/picked-folder.ts';

/** Files that a person picked or dropped, with a name for them all. */
export interface Picked {
  name: string;
  files: PickedFile[];
}

/** What a file input holds: files of a folder know their path below it. */
export function pickedFrom(list: Iterable<File>): Picked | null {
  const files = [...list].map((file) => ({ path: file.webkitRelativePath || file.name, blob: file }));
  return files.length === 0 ? null : { name: nameOf(files), files };
}

/** The parts of a drop that are read: those of `DataTransferItem` and `FileSystemEntry`. */
export type DroppedItem = Pick<DataTransferItem, 'kind' | 'getAsFile' | 'webkitGetAsEntry'>;

/** What was dropped: files and folders with all that is in them. Must be called while the event is handled. */
export async function pickedFromDrop(items: Iterable<DroppedItem>): Promise<Picked | null> {
  // The items are empty once the handler has returned, so all of them are taken before the first wait.
  const dropped = [...items]
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const files: PickedFile[] = [];
  for (const { entry, file } of dropped) {
    if (entry !== null) files.push(...(await filesIn(entry)));
    else if (file !== null) files.push({ path: file.name, blob: file });
  }
  return files.length === 0 ? null : { name: nameOf(files), files };
}

async function filesIn(entry: FileSystemEntry): Promise<PickedFile[]> {
  if (entry.isFile) {
    const blob = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path: entry.fullPath.replace(/^\//, ''), blob }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: PickedFile[] = [];
  for (;;) {
    // A reader gives a hundred at most at a time, and nothing at the end.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const inner of entries) files.push(...(await filesIn(inner)));
  }
}

/** The folder that all files are in, or that of the first one, or `files`. */
function nameOf(files: readonly PickedFile[]): string {
  const [folder, ...rest] = files[0].path.split('/');
  return rest.length === 0 ? 'files' : folder;
}
