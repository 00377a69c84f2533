import { GorpError } from '../../base/errors.ts';
import type { GivenFile } from './tasks.ts';

// A benchmark has a few hundred files; with more, it is another folder.
const MAX_FILES = 20_000;

/** The files of a file input; files of a folder carry their path in it. */
export const filesOfInput = (files: FileList | null): GivenFile[] =>
  Array.from(files ?? [], (file) => ({ path: file.webkitRelativePath || file.name, file }));

/** The parts of `DataTransferItem` used here. */
export type DroppedItem = Pick<DataTransferItem, 'kind' | 'getAsFile' | 'webkitGetAsEntry'>;

/**
 * The dropped files, including all files in dropped folders. Must be called while the event is handled: afterwards the
 * browser forgets what was dropped.
 *
 * @throws GorpError `tasks/too-many-files`.
 */
export async function filesOfDrop(items: Iterable<DroppedItem>): Promise<GivenFile[]> {
  // All of them before the first await.
  const dropped = [...items]
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found: GivenFile[] = [];
  const visit = async (entry: FileSystemEntry): Promise<void> => {
    const path = entry.fullPath.replace(/^\//, '');
    if (isFile(entry)) found.push({ path, file: await new Promise<File>((good, bad) => entry.file(good, bad)) });
    else if (isFolder(entry)) for (const child of await childrenOf(entry)) await visit(child);
    if (found.length <= MAX_FILES) return;
    throw new GorpError(
      'tasks/too-many-files',
      `The folder holds more than ${MAX_FILES} files.`,
      'Drop only the folder that holds CL_Benchmark and configs, SuperNI, or the tasks of TRACE.',
    );
  };
  for (const { entry, file } of dropped) {
    if (entry !== null) await visit(entry);
    else if (file !== null) found.push({ path: file.name, file });
  }
  return found;
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;

/** The entries of a folder, which the browser returns a hundred at a time. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((good, bad) => reader.readEntries(good, bad));
    if (part.length === 0) return children;
    children.push(...part);
  }
}
