import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { checkFileSize, readTableFile, type TableFile } from '../tasks/table.ts';
import { isTextFile, readTextFolder } from '../tasks/text-folder.ts';

/**
 * Reads a file of examples, or a folder of texts.
 *
 * @throws GorpError `tasks/not-found`, and as {@link readTableFile} and {@link readTextFolder}.
 */
export async function readDataPath(path: string): Promise<TableFile> {
  const facts = await stat(path).catch((cause: unknown) => {
    throw new GorpError(
      'tasks/not-found',
      `${JSON.stringify(path)} cannot be read.`,
      'Name a file of examples, or a folder of texts.',
      { cause },
    );
  });
  const name = basename(resolve(path));
  if (!facts.isDirectory()) {
    checkFileSize(name, facts.size);
    return readTableFile(name, await bytesOf(path));
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = files.filter(isTextFile);
  checkFileSize(
    name,
    (await Promise.all(texts.map(async (file) => (await stat(file)).size))).reduce((a, b) => a + b, 0),
  );
  const read = texts.map(async (file) => ({
    path: relative(path, file).split(sep).join('/'),
    bytes: await bytesOf(file),
  }));
  return readTextFolder(name, await Promise.all(read));
}

const bytesOf = async (path: string): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await readFile(path));
