import { byteFile } from '../weights/model-files.ts';
import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import type { CheckpointStore } from '../run/events/host.ts';
import { CHECKPOINT_FILE } from '../run/files/layout.ts';
import { bad, type CheckpointFile, openCheckpoint, type SavedRun, summaryOf } from '../run/files/saved-run.ts';
import { jsonFile } from '../weights/exports/output-file.ts';
import {
  failed,
  filesBelow,
  folderIn,
  isMissing,
  makeFolder,
  privateFolder,
  removeFrom,
  writeInto,
} from './private-files.ts';
import type { FoundCheckpoints, StoredCheckpoint } from './protocol.ts';
import { CHECKPOINTS, FOLDER, isFree, RUN_FOLDER, type RunFolder } from './run-folders.ts';

// Checkpoints of a run in the browser's private file system, by number. A file that has not changed stays in the folder of
// the checkpoint that wrote it, since these file systems have no links.

const NUMBER = /^\d{6}$/;
/** Names the checkpoints that wrote the unchanged files of one. */
const ELSEWHERE_FILE = 'elsewhere.json';
const ElsewhereSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.number()));

/** The folder of a checkpoint. */
const nameOf = (number: number): string => String(number).padStart(6, '0');

/** The numbers of checkpoints, and of what is left of older ones, in order. */
export async function numbersIn(all: FileSystemDirectoryHandle): Promise<number[]> {
  const numbers: number[] = [];
  for await (const name of all.keys()) if (NUMBER.test(name)) numbers.push(Number(name));
  return numbers.sort((a, b) => a - b);
}

/**
 * Writes a checkpoint, the last of its files last: that one completes it.
 *
 * @param before number of the checkpoint from which unchanged files may be used: the one before the last.
 * @throws GorpError `store/quota`, `store/failed`; part of it may then be there.
 */
export async function writeCheckpoint(
  all: FileSystemDirectoryHandle,
  number: number,
  files: readonly CheckpointFile[],
  before: number | undefined,
): Promise<void> {
  const earlier = before === undefined ? new Map<string, number>() : await placesOf(all, before);
  const elsewhere = new Map<string, number>();
  for (const { path, isUnchanged = false } of files) {
    const where = isUnchanged ? earlier.get(path) : undefined;
    if (where !== undefined) elsewhere.set(path, where);
  }
  const own = files.filter(({ path }) => !elsewhere.has(path));
  const places = jsonFile(ELSEWHERE_FILE, Object.fromEntries(elsewhere));
  await writeInto(await folderIn(all, nameOf(number)), [places, ...own]);
}

/** The files of a checkpoint that are there, by path. @throws GorpError `run/bad-checkpoint`. */
export async function filesOf(all: FileSystemDirectoryHandle, number: number): Promise<Map<string, File>> {
  const files = new Map<string, File>();
  for (const [path, where] of await placesOf(all, number)) {
    const file = (await ownFiles(all, where)).get(path);
    if (file) files.set(path, file);
  }
  return files;
}

/** Whether its last file is there; otherwise its writing was cut off. */
const isComplete = async (all: FileSystemDirectoryHandle, number: number): Promise<boolean> =>
  (await ownFiles(all, number)).has(CHECKPOINT_FILE);

/** Removes what the last complete checkpoints do not need. @param count how many of them stay. */
export async function removeOlder(all: FileSystemDirectoryHandle, count: number): Promise<void> {
  const owned = new Map<number, string[]>();
  for (const number of await numbersIn(all)) owned.set(number, [...(await ownFiles(all, number)).keys()]);
  const complete = [...owned].flatMap(([number, paths]) => (paths.includes(CHECKPOINT_FILE) ? [number] : []));
  const newest = complete.slice(-count);
  const needed = new Set<string>();
  for (const number of newest) {
    for (const [path, where] of await placesOf(all, number)) needed.add(`${where} ${path}`);
  }
  for (const [number, own] of owned) {
    if (newest.includes(number)) continue;
    const unneeded = own.filter((path) => !needed.has(`${number} ${path}`));
    if (unneeded.length === own.length) await removeFrom(all, nameOf(number));
    else for (const path of unneeded) await removeFile(await folderIn(all, nameOf(number)), path);
  }
}

/** The number of the checkpoint that wrote each file of one. @throws GorpError `run/bad-checkpoint`. */
async function placesOf(all: FileSystemDirectoryHandle, number: number): Promise<Map<string, number>> {
  const own = await ownFiles(all, number);
  const text = await own.get(ELSEWHERE_FILE)?.text();
  const elsewhere = v.safeParse(ElsewhereSchema, text ?? '{}');
  if (!elsewhere.success) throw bad('checkpoint', `${ELSEWHERE_FILE} is damaged`);
  own.delete(ELSEWHERE_FILE);
  const here = [...own.keys()].map((path): [string, number] => [path, number]);
  return new Map([...Object.entries(elsewhere.output), ...here]);
}

/** The files in the folder of a checkpoint; none if it is gone. */
async function ownFiles(all: FileSystemDirectoryHandle, number: number): Promise<Map<string, File>> {
  try {
    const files = await filesBelow(await all.getDirectoryHandle(nameOf(number)));
    return new Map(files.map(({ path, file }) => [path, file]));
  } catch (thrown) {
    if (isMissing(thrown)) return new Map();
    throw thrown;
  }
}

async function removeFile(folder: FileSystemDirectoryHandle, path: string): Promise<void> {
  const parts = path.split('/');
  const name = parts.pop() as string;
  let at = folder;
  for (const part of parts) at = await folderIn(at, part);
  await removeFrom(at, name);
}

const KEPT = 2;

/**
 * Stores the checkpoints of a run in its folder: `rounds/RUN/checkpoints/000001/…`. A checkpoint counts once its last
 * file is written. Only then are files removed that the last two do not need, so that two are complete at any time. A file
 * that has not changed stays in the folder of the checkpoint that wrote it, since these file systems have no links, but
 * never in that of the last: the two share no file, so that damage to one leaves the other.
 */
export class CheckpointSaver implements CheckpointStore {
  readonly everySeconds: number;
  readonly #folder: RunFolder;
  readonly #warn: (message: string) => void;
  /** The last two that this saver wrote, the last one last. */
  #written: readonly (number | undefined)[] = [];

  /** @param warn reports checkpoints that cannot be used. */
  constructor(folder: RunFolder, everySeconds: number, warn: (message: string) => void) {
    this.#folder = folder;
    this.#warn = warn;
    this.everySeconds = everySeconds;
  }

  /** @throws GorpError `store/busy`, `store/quota`, `store/failed`. */
  async save(files: readonly CheckpointFile[]): Promise<void> {
    const all = await this.#all();
    const number = ((await numbersIn(all)).at(-1) ?? 0) + 1;
    try {
      await writeCheckpoint(all, number, files, this.#written[0]);
    } catch (thrown) {
      await removeFrom(all, nameOf(number));
      throw thrown;
    }
    this.#written = [this.#written[1], number];
    await removeOlder(all, KEPT);
  }

  async last(): Promise<SavedRun | null> {
    const all = await this.#all();
    for (const number of (await numbersIn(all)).reverse()) {
      if (!(await isComplete(all, number))) continue;
      try {
        return await openIn(all, number);
      } catch (thrown) {
        if (!(thrown instanceof GorpError)) throw failed(thrown);
        this.#warn(`Skipped a saved checkpoint. ${thrown.message}`);
      }
    }
    return null;
  }

  /** @throws GorpError `run/bad-checkpoint` if none can be used, and as {@link last}. */
  async mustHave(): Promise<SavedRun> {
    const last = await this.last();
    if (last) return last;
    throw new GorpError(
      'run/bad-checkpoint',
      'The checkpoint to resume from cannot be used: part of it is missing or damaged.',
      'Teach the last model under Results more, or start a new run.',
    );
  }

  async #all(): Promise<FileSystemDirectoryHandle> {
    return makeFolder([FOLDER, await this.#folder.claimed(), CHECKPOINTS]);
  }
}

async function openIn(all: FileSystemDirectoryHandle, number: number): Promise<SavedRun> {
  const files = await filesOf(all, number);
  return openCheckpoint((path) => {
    const file = files.get(path);
    return Promise.resolve(file ? byteFile(path, file) : null);
  });
}

/**
 * The checkpoints of every run that no tab is running; does not read their state. Removes what is left of a first one
 * whose writing was cut off, since nothing can use it.
 */
export async function findCheckpoints(): Promise<FoundCheckpoints> {
  const found: FoundCheckpoints = { unfinished: [], unread: [] };
  for (const { name, checkpoints } of await runFolders()) {
    if (!(await isFree(name))) continue;
    try {
      const last = await lastOf(name, checkpoints);
      if (last === 'none') await dropCheckpoints(name);
      else if (last === 'unread') found.unread.push(name);
      else found.unfinished.push(last);
    } catch (thrown) {
      // Another tab may have removed it meanwhile.
      if (!isMissing(thrown)) throw thrown instanceof GorpError ? thrown : failed(thrown);
    }
  }
  found.unfinished.sort((a, b) => b.savedAt - a.savedAt);
  return found;
}

/** The last checkpoint in the folder of a run that can be read; `none` if no checkpoint was completed. */
async function lastOf(
  folder: string,
  checkpoints: FileSystemDirectoryHandle,
): Promise<StoredCheckpoint | 'unread' | 'none'> {
  let last: 'unread' | 'none' = 'none';
  for (const number of (await numbersIn(checkpoints)).reverse()) {
    if (!(await isComplete(checkpoints, number))) continue;
    last = 'unread';
    const files = await filesOf(checkpoints, number).catch(() => new Map<string, File>());
    const manifest = files.get(CHECKPOINT_FILE);
    const summary = manifest && (await summaryOf(byteFile(CHECKPOINT_FILE, manifest)).catch(() => null));
    if (!manifest || !summary) continue;
    const bytes = [...files.values()].reduce((sum, { size }) => sum + size, 0);
    return { folder, savedAt: manifest.lastModified, bytes, ...summary };
  }
  return last;
}

/** Removes the checkpoints of the run in a folder, and the folder if it is then empty. */
export async function dropCheckpoints(folder: string): Promise<void> {
  for (const { name, above, checkpoints } of await runFolders()) {
    if (name !== folder || !(await isFree(name))) continue;
    await removeFrom(above, checkpoints.name);
    if ((await filesBelow(above)).length === 0) await removeFrom(await makeFolder([FOLDER]), name);
  }
}

/** Every folder that has checkpoints. */
async function runFolders(): Promise<
  { name: string; above: FileSystemDirectoryHandle; checkpoints: FileSystemDirectoryHandle }[]
> {
  const found: { name: string; above: FileSystemDirectoryHandle; checkpoints: FileSystemDirectoryHandle }[] = [];
  const look = async (name: string, above: FileSystemDirectoryHandle): Promise<void> => {
    try {
      found.push({ name, above, checkpoints: await above.getDirectoryHandle(CHECKPOINTS) });
    } catch (thrown) {
      if (!isMissing(thrown)) throw failed(thrown);
    }
  };
  try {
    const rounds = await (await privateFolder()).getDirectoryHandle(FOLDER);
    for await (const [name, handle] of rounds.entries()) {
      if (RUN_FOLDER.test(name) && handle instanceof FileSystemDirectoryHandle) await look(name, handle);
    }
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown instanceof GorpError ? thrown : failed(thrown);
  }
  return found;
}
