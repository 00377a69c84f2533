import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { checkFileSize, readTableFile, type TableFile } from '../tasks/table.ts';
import { readHubRows } from '../run/hub-rows.ts';
import { datasetName, listDataset, type SplitChoice, USUAL_ROWS } from '../weights/hub-dataset.ts';
import { hubAccess } from './named-models.ts';
import { isTextFile, readTextFolder } from '../tasks/text-folder.ts';

/** Which rows of a data set on the hub to read. */
export interface HubRows extends SplitChoice {
  readonly rows: number;
}

export const USUAL_HUB_ROWS: HubRows = { config: null, split: null, rows: USUAL_ROWS };

/**
 * Reads a file of examples, a folder of texts, or rows of a data set on the hub (`org/name`).
 *
 * @throws GorpError `tasks/not-found`, and as {@link readTableFile}, {@link readTextFolder} and {@link readHubRows}.
 */
export async function readDataPath(path: string, { rows, ...choice } = USUAL_HUB_ROWS): Promise<TableFile> {
  const dataset = existsSync(path) ? null : datasetName(path);
  if (dataset !== null) return readHubRows(await listDataset(dataset, hubAccess()), choice, rows, hubAccess());
  const facts = await stat(path).catch((cause: unknown) => {
    throw new GorpError(
      'tasks/not-found',
      `${JSON.stringify(path)} cannot be read.`,
      'Name a file of examples, a folder of texts, or a data set of the hub (org/name).',
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
