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

/** A name for the files of a model: their folder's, without one that of the GGUF file, else `files`. */
export function nameOfFiles(files: readonly { readonly path: string }[]): string {
  const [folder, ...rest] = files[0].path.split('/');
  if (rest.length > 0) return folder;
  return files.find(({ path }) => isGgufName(path))?.path ?? 'files';
}
