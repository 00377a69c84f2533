import { isGgufName } from '../../weights/gguf/splits.ts';
import type { PickedFile } from '../../weights/picked-folder.ts';

/** Files that a person picked or dropped, and a name for all of them. */
export interface Picked {
  name: string;
  files: PickedFile[];
}

/** The files of a file input; files of a folder carry their path in it. */
export function pickedFrom(list: Iterable<File>): Picked | null {
  const files = [...list].map((file) => ({ path: file.webkitRelativePath || file.name, blob: file }));
  return files.length === 0 ? null : { name: nameOfFiles(files), files };
}

/** The parts of `DataTransferItem` used here. */
export type DroppedItem = Pick<DataTransferItem, 'kind' | 'getAsFile' | 'webkitGetAsEntry'>;

/** The dropped files, including all files in dropped folders. Must be called while the event is handled. */
export async function pickedFromDrop(items: Iterable<DroppedItem>): Promise<Picked | null> {
  // The items are emptied when the handler returns, so read all of them before the first await.
  const dropped = [...items]
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const files: PickedFile[] = [];
  for (const { entry, file } of dropped) {
    if (entry !== null) files.push(...(await filesIn(entry)));
    else if (file !== null) files.push({ path: file.name, blob: file });
  }
  return files.length === 0 ? null : { name: nameOfFiles(files), files };
}

async function filesIn(entry: FileSystemEntry): Promise<PickedFile[]> {
  if (entry.isFile) {
    const blob = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path: entry.fullPath.replace(/^\//, ''), blob }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: PickedFile[] = [];
  for (;;) {
    // A reader returns at most a hundred entries at a time, and none at the end.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const inner of entries) files.push(...(await filesIn(inner)));
  }
}

/** A name for the files of a model: their folder's, without one that of the GGUF file, else `files`. */
export function nameOfFiles(files: readonly { readonly path: string }[]): string {
  const [folder, ...rest] = files[0].path.split('/');
  if (rest.length > 0) return folder;
  return files.find(({ path }) => isGgufName(path))?.path ?? 'files';
}
