import { GorpError } from '../base/errors.ts';
import { openCheckpoint, summaryOf } from '../run/checkpoint/checkpoint.ts';
import type { SavedRun } from '../run/checkpoint/saved-run.ts';
import { CHECKPOINT_FILE } from '../run/outputs/layout.ts';
import type { CheckpointStore } from '../run/host.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import {
  byteFile,
  failed,
  filesBelow,
  folderIn,
  isMissing,
  makeFolder,
  privateFolder,
  removeFrom,
  writeInto,
} from './private-files.ts';
import type { KeptCheckpoint } from './protocol.ts';
import { CHECKPOINTS, FOLDER, isFree, RUN_FOLDER, type RunFolder } from './run-folders.ts';

const KEPT = 2;
const NUMBER = /^\d{6}$/;

/**
 * Stores the checkpoints of a run in its folder: `rounds/RUN/checkpoints/000001/…`. A checkpoint counts once its last
 * file is written. Only then is the third last removed, so that two are complete at any time.
 */
export class CheckpointKeeper implements CheckpointStore {
  readonly everySeconds: number;
  readonly #folder: RunFolder;

  constructor(folder: RunFolder, everySeconds: number) {
    this.#folder = folder;
    this.everySeconds = everySeconds;
  }

  /** @throws GorpError `store/busy`, `store/quota`, `store/failed`. */
  async keep(files: readonly OutputFile[]): Promise<void> {
    const all = await this.#all();
    const before = await numbersIn(all);
    const name = String((before.at(-1) ?? 0) + 1).padStart(6, '0');
    try {
      await writeInto(await folderIn(all, name), files);
    } catch (thrown) {
      await removeFrom(all, name);
      throw thrown;
    }
    for (const old of before.slice(0, 1 - KEPT)) await removeFrom(all, String(old).padStart(6, '0'));
  }

  async last(): Promise<SavedRun | null> {
    const all = await this.#all();
    for (const number of (await numbersIn(all)).reverse()) {
      try {
        return await openIn(await all.getDirectoryHandle(String(number).padStart(6, '0')));
      } catch (thrown) {
        if (!(thrown instanceof GorpError)) throw failed(thrown);
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
      'Resume from the last round under Results, or start a new run.',
    );
  }

  /** Removes all checkpoints. */
  async clear(): Promise<void> {
    await removeFrom(await makeFolder([FOLDER, await this.#folder.claimed()]), CHECKPOINTS);
  }

  async #all(): Promise<FileSystemDirectoryHandle> {
    return makeFolder([FOLDER, await this.#folder.claimed(), CHECKPOINTS]);
  }
}

async function numbersIn(folder: FileSystemDirectoryHandle): Promise<number[]> {
  const numbers: number[] = [];
  for await (const name of folder.keys()) if (NUMBER.test(name)) numbers.push(Number(name));
  return numbers.sort((a, b) => a - b);
}

async function openIn(folder: FileSystemDirectoryHandle): Promise<SavedRun> {
  const files = new Map((await filesBelow(folder)).map(({ path, file }) => [path, file]));
  return openCheckpoint((path) => {
    const file = files.get(path);
    return Promise.resolve(file ? byteFile(path, file) : null);
  });
}

/** The last checkpoint of every run that no tab is running, the newest first. Does not read their state. */
export async function findCheckpoints(): Promise<KeptCheckpoint[]> {
  const found: KeptCheckpoint[] = [];
  for (const { name, checkpoints } of await runFolders()) {
    if (!(await isFree(name))) continue;
    for (const number of (await numbersIn(checkpoints)).reverse()) {
      const files = await filesBelow(await checkpoints.getDirectoryHandle(String(number).padStart(6, '0')));
      const manifest = files.find(({ path }) => path === CHECKPOINT_FILE);
      const summary = manifest && (await summaryOf(byteFile(CHECKPOINT_FILE, manifest.file)).catch(() => null));
      if (!manifest || !summary) continue;
      const savedAt = manifest.file.lastModified;
      const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
      found.push({ folder: name, savedAt, bytes, ...summary });
      break;
    }
  }
  return found.sort((a, b) => b.savedAt - a.savedAt);
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
