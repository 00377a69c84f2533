import { GorpError } from '../base/errors.ts';
import { randomId } from '../base/random.ts';
import {
  failed,
  fileIn,
  isMissing,
  makeFolder,
  privateFolder,
  removeFrom,
  textOf,
  writeHandle,
} from './private-files.ts';

/**
 * The files of runs in the browser's private file system: `rounds/RUN/…`, a folder for each run, and a file that names
 * the model that is shown. A run shows its model once that is stored, and removes nothing of another: its models stay
 * until the person removes them, its checkpoint until it is finished. It holds a Web Lock on its folder, so that no
 * other tab removes it or writes into it, and shares one on the folder of the model that it teaches.
 */
export const FOLDER = 'rounds';
/** The checkpoints of a run, in its folder. */
export const CHECKPOINTS = 'checkpoints';
/** Names the shown model; what earlier versions wrote names only the folder of its run. */
const SHOWN = 'shown';

export const RUN_FOLDER = /^[0-9a-f-]{36}$/;
const lockOf = (folder: string): string => `gorp-web-rounds/${folder}`;
/** Shared by the runs that teach a model in the folder. */
const taughtLockOf = (folder: string): string => `gorp-web-taught/${folder}`;

/** Held while the name of the shown model is read or written: a file that another tab writes cannot be read. */
const SHOWN_LOCK = 'gorp-web-shown';

/** The key of the model that any tab showed last, or the folder of its run; empty if there is none. */
export async function shown(): Promise<string> {
  try {
    const rounds = await (await privateFolder()).getDirectoryHandle(FOLDER);
    return await navigator.locks.request(SHOWN_LOCK, { mode: 'shared' }, () => readShown(rounds));
  } catch (thrown) {
    if (isMissing(thrown)) return '';
    throw thrown instanceof GorpError ? thrown : failed(thrown);
  }
}

/** Reads the key of the model shown last. The caller holds the lock. */
async function readShown(rounds: FileSystemDirectoryHandle): Promise<string> {
  try {
    return await (await (await rounds.getFileHandle(SHOWN)).getFile()).text();
  } catch (thrown) {
    if (isMissing(thrown)) return '';
    throw thrown;
  }
}

/** The folder in which a run stores its models and checkpoints, by its name below {@link FOLDER}. */
export class RunFolder {
  readonly #checkpoint: string | null;
  #claimed: Promise<string> | undefined;

  /** @param checkpoint the folder with the checkpoint that the run resumes from; null for a new one. */
  constructor(checkpoint: string | null) {
    this.#checkpoint = checkpoint;
  }

  /** Holds its lock from the first call for as long as this worker lives. @throws GorpError `store/busy`, `store/failed`. */
  claimed(): Promise<string> {
    return (this.#claimed ??= this.#claim());
  }

  async #claim(): Promise<string> {
    await privateFolder(); // without it a page has no locks either
    const folder = this.#checkpoint ?? randomId();
    await claim(folder);
    return folder;
  }
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
    'A run in another tab has resumed from the same checkpoint and stores its files there.',
    'Let that run end, or start a new run.',
  );
}

/** Shows a model. */
export async function show(key: string): Promise<void> {
  const rounds = await makeFolder([FOLDER]);
  await navigator.locks.request(SHOWN_LOCK, async () => {
    if ((await readShown(rounds)) !== key) await writeHandle(await fileIn(rounds, SHOWN), textOf(key));
  });
}

/** Shares the lock on the models in a folder for as long as this worker lives. */
export const holdTaught = (folder: string): Promise<void> =>
  new Promise((resolve, reject) => {
    navigator.locks
      .request(taughtLockOf(folder), { mode: 'shared' }, () => {
        resolve();
        return new Promise<never>(() => undefined);
      })
      .catch(reject);
  });

/** Does some work on the models in a folder, unless a run teaches one of them more. */
export const unlessTaught = (folder: string, work: () => Promise<void>): Promise<void> =>
  navigator.locks.request(taughtLockOf(folder), { ifAvailable: true }, async (lock) => {
    if (lock !== null) await work();
  });

// A terminated worker releases its locks a moment later.
const END_MS = 2000;

/** Whether no run is using a folder, here or in another tab. */
export const isFree = (folder: string): Promise<boolean> =>
  navigator.locks.request(lockOf(folder), { signal: AbortSignal.timeout(END_MS) }, () => true).catch(() => false);

/** Works on a folder that no run is using, here or in another tab. @throws GorpError `store/busy`, and as `work`. */
export async function whileFree<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const ifAvailable = { ifAvailable: true };
  return await navigator.locks.request(lockOf(folder), ifAvailable, async (own) => {
    if (own === null) throw busy('A run, here or in another tab, stores its files there.');
    return await navigator.locks.request(taughtLockOf(folder), ifAvailable, async (taught) => {
      if (taught === null) throw busy('A run, here or in another tab, teaches this model more.');
      return work();
    });
  });
}

const busy = (why: string): GorpError => new GorpError('store/busy', why, 'Let that run end, then try again.');

/** Fills a new folder and shows a model in it. On failure nothing of it remains. @returns the key of the model. */
export async function inNewFolder(
  model: string,
  fill: (folder: FileSystemDirectoryHandle) => Promise<void>,
): Promise<string> {
  const name = randomId();
  const key = `${name}/${model}`;
  await navigator.locks.request(lockOf(name), async () => {
    try {
      await fill(await makeFolder([FOLDER, name]));
      await show(key);
    } catch (thrown) {
      await removeFrom(await makeFolder([FOLDER]), name);
      throw thrown;
    }
  });
  return key;
}
