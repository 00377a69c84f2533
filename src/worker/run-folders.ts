import { GorpError } from '../base/errors.ts';
import { randomId } from '../base/random-id.ts';
import {
  fileIn,
  filesBelow,
  isMissing,
  makeFolder,
  piecesOf,
  privateFolder,
  removeFrom,
  textOf,
  writeHandle,
  writeInto,
} from './private-files.ts';

/**
 * What runs store in the browser's private file system: `rounds/RUN/…`, a folder for each run, and a file that names
 * the one whose rounds are shown. A run shows itself when its first round is stored, and removes nothing of another: its
 * rounds stay until the person removes them, its checkpoint until it is finished. It holds a Web Lock on its folder, so
 * that no other tab removes it or writes into it.
 */
export const FOLDER = 'rounds';
/** The checkpoints of a run, in its folder. */
export const CHECKPOINTS = 'checkpoints';
/** Names the shown folder. */
const SHOWN = 'shown';

export const RUN_FOLDER = /^[0-9a-f-]{36}$/;
const lockOf = (folder: string): string => `gorp-web-rounds/${folder}`;

/** Held while the name of the shown folder is read or written: a file that another tab writes cannot be read. */
const SHOWN_LOCK = 'gorp-web-shown';

/** The shown folder; empty if there is none. */
export async function shownFolder(rounds: FileSystemDirectoryHandle): Promise<string> {
  return await navigator.locks.request(SHOWN_LOCK, { mode: 'shared' }, () => readShown(rounds));
}

/** The same, for the holder of the lock. */
async function readShown(rounds: FileSystemDirectoryHandle): Promise<string> {
  try {
    return await (await (await rounds.getFileHandle(SHOWN)).getFile()).text();
  } catch (thrown) {
    if (isMissing(thrown)) return '';
    throw thrown;
  }
}

/** The folder in which a run stores its rounds and checkpoints, by its name below {@link FOLDER}. */
export class RunFolder {
  readonly #from: { readonly checkpoint: string } | { readonly rounds: string } | null;
  #claimed: Promise<string> | undefined;

  /** @param from the folder with the checkpoint or the rounds that the run resumes from; null for a new one. */
  constructor(from: { readonly checkpoint: string } | { readonly rounds: string } | null) {
    this.#from = from;
  }

  /** Holds its lock from the first call for as long as this worker lives. @throws GorpError `store/busy`, `store/failed`. */
  claimed(): Promise<string> {
    return (this.#claimed ??= this.#claim());
  }

  async #claim(): Promise<string> {
    await privateFolder(); // without it a page has no locks either
    const folder = await this.#name();
    await claim(folder);
    return folder;
  }

  async #name(): Promise<string> {
    if (this.#from === null) return randomId();
    if ('checkpoint' in this.#from) return this.#from.checkpoint;
    const { rounds: name } = this.#from;
    const rounds = await makeFolder([FOLDER]);
    // The checkpoint belongs to a run that may still be resumed: this run continues with a copy of its rounds.
    return (await hasCheckpoint(rounds, name)) ? copyOf(rounds, name) : name;
  }
}

async function hasCheckpoint(rounds: FileSystemDirectoryHandle, folder: string): Promise<boolean> {
  try {
    const checkpoints = await (await rounds.getDirectoryHandle(folder)).getDirectoryHandle(CHECKPOINTS);
    for await (const _ of checkpoints.keys()) return true;
    return false;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw thrown;
  }
}

/** A new folder with the rounds of another. */
async function copyOf(rounds: FileSystemDirectoryHandle, folder: string): Promise<string> {
  const files = await filesBelow(await rounds.getDirectoryHandle(folder), (name) => name !== CHECKPOINTS);
  const copy = randomId();
  try {
    await writeInto(
      await makeFolder([FOLDER, copy]),
      files.map(({ path, file }) => ({ path, content: () => piecesOf(file) })),
    );
  } catch (thrown) {
    await removeFrom(rounds, copy);
    throw thrown;
  }
  return copy;
}

async function claim(folder: string): Promise<void> {
  const isOurs = await new Promise<boolean>((resolve, reject) => {
    navigator.locks
      .request(lockOf(folder), { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<never>(() => undefined);
      })
      .catch(reject);
  });
  if (isOurs) return;
  throw new GorpError(
    'store/busy',
    'A run in another tab has resumed from the same round or checkpoint and stores its files there.',
    'Let that run end, or start a new run.',
  );
}

/** Shows a folder. */
export async function show(folder: string): Promise<void> {
  const rounds = await makeFolder([FOLDER]);
  await navigator.locks.request(SHOWN_LOCK, async () => {
    if ((await readShown(rounds)) !== folder) await writeHandle(await fileIn(rounds, SHOWN), textOf(folder));
  });
}

// A terminated worker releases its locks a moment later.
const END_MS = 2000;

/** Whether no run is using a folder, here or in another tab. */
export const isFree = (folder: string): Promise<boolean> =>
  navigator.locks.request(lockOf(folder), { signal: AbortSignal.timeout(END_MS) }, () => true).catch(() => false);

/** Works on a folder that no run is using, here or in another tab. @throws GorpError `store/busy`, and as `work`. */
export async function whileFree<T>(folder: string, work: () => Promise<T>): Promise<T> {
  return await navigator.locks.request(lockOf(folder), { ifAvailable: true }, async (lock) => {
    if (lock !== null) return work();
    throw new GorpError('store/busy', 'A run stores its files there.', 'Let that run end, then try again.');
  });
}

/** Fills a new folder and shows it. On failure nothing of it remains. @returns its name. */
export async function inNewFolder(fill: (folder: FileSystemDirectoryHandle) => Promise<void>): Promise<string> {
  const name = randomId();
  await navigator.locks.request(lockOf(name), async () => {
    try {
      await fill(await makeFolder([FOLDER, name]));
      await show(name);
    } catch (thrown) {
      await removeFrom(await makeFolder([FOLDER]), name);
      throw thrown;
    }
  });
  return name;
}
