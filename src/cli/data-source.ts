import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { checkFileSize, readTableFile, type TableFile } from '../tasks/table.ts';
import { readHubRows } from '../run/tasks/hub-rows.ts';
import { datasetName, listDataset, USUAL_ROWS } from '../weights/hub-dataset.ts';
import { wholeNumber } from './arguments.ts';
import { UsageError } from './exit-codes.ts';
import { hubAccess } from './named-models.ts';
import { isTextFile, readTextFolder } from '../tasks/text-folder.ts';

/** Which rows of a data set on the hub to read, as options say; what they leave out is as usual. */
export interface AskedRows {
  readonly config?: string | undefined;
  readonly split?: string | undefined;
  readonly rows?: string | undefined;
}

/**
 * Reads a file of examples, a folder of texts, or rows of a data set on the hub (`org/name`).
 *
 * @throws UsageError if rows are asked for that only a data set on the hub has; GorpError `tasks/not-found`, and as
 *   {@link readTableFile}, {@link readTextFolder} and {@link readHubRows}.
 */
export async function readDataPath(path: string, asked: AskedRows = {}): Promise<TableFile> {
  const dataset = existsSync(path) ? null : datasetName(path);
  if (dataset !== null) {
    const { config = null, split = null, rows = String(USUAL_ROWS) } = asked;
    const count = wholeNumber('rows', rows);
    return readHubRows(await listDataset(dataset, hubAccess()), { config, split }, count, hubAccess());
  }
  const [option] = Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (option !== undefined)
    throw new UsageError(`${option} goes with a data set of the hub (org/name), which ${path} is not.`);
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
