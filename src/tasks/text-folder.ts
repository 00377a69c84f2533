import { GorpError } from '../base/errors.ts';
import { sha256Of } from '../base/sha256.ts';
import { endingOf } from './table-endings.ts';
import { checkFileSize, readTableFile, type TableFile, TEXT_COLUMN } from './table.ts';

/** A file of a folder. */
export interface FolderFile {
  /** Path in the folder, with forward slashes. */
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Whether a file is a text that {@link readTextFolder} reads. */
export const isTextFile = (path: string): boolean => ['txt', 'md'].includes(endingOf(path));

/**
 * Reads the texts of a folder (.txt, .md), one row per file, in the order of their paths. The hash is that of paths and
 * texts.
 *
 * @throws GorpError `tasks/empty` if it has none; `tasks/too-large` for all together; as {@link readTableFile}.
 */
export async function readTextFolder(name: string, files: readonly FolderFile[]): Promise<TableFile> {
  const texts = files
    .filter(({ path, bytes }) => isTextFile(path) && bytes.some((byte) => byte > 32))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  if (texts.length === 0) {
    throw new GorpError('tasks/empty', `${name} has no text files.`, 'Choose a folder with .txt or .md files.');
  }
  checkFileSize(
    name,
    texts.reduce((sum, { bytes }) => sum + bytes.length, 0),
  );
  const read: TableFile[] = [];
  let characters = 0;
  for (const { path, bytes } of texts) {
    const file = await readTableFile(path, bytes);
    read.push(file);
    // A few bytes of gzip can stand for many; one file after the other, so that no more than these are in the memory.
    characters += file.rows[0][0].length;
    checkFileSize(name, characters);
  }
  const facts = read.map(({ name: path, sha256 }) => `${sha256} ${path}\n`).join('');
  const legacy = read.filter(({ encoding }) => encoding === 'Windows-1252').map(({ name: path }) => path);
  return {
    name,
    sha256: await sha256Of(new TextEncoder().encode(facts)),
    encoding: 'UTF-8',
    columns: ['file', TEXT_COLUMN],
    rows: read.map(({ name: path, rows }) => [path, rows[0][0]]),
    nested: [],
    lines: read.map((_, i) => i + 1),
    warnings: legacy.length === 0 ? [] : [`Read as Windows-1252 (Latin-1), not UTF-8: ${legacy.join(', ')}.`],
  };
}
