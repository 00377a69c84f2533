import { GorpError } from '../base/errors.ts';
import { randomId } from '../base/random-id.ts';
import type { RoundOutput } from '../run/host.ts';
import { ROUND_FILE, roundFolder, TRAINED_NAMES } from '../run/outputs/layout.ts';
import { openSavedRound, type SavedRound } from '../run/outputs/saved-round.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import type { ByteFile } from '../weights/model-files.ts';
import type { KeptFile, KeptRound } from './protocol.ts';

/**
 * Rounds in the browser's private file system: `rounds/RUN/logs_and_outputs/…`, a folder for each run, and a file that
 * names the one that is shown. A run shows itself, and removes the others, when its first round is kept, not earlier; it
 * holds a Web Lock on its folder, so that no other tab removes it or writes into it.
 */
const FOLDER = 'rounds';
/** Names the folder that is shown. Where there is none, an earlier version has left rounds in `rounds` itself. */
const SHOWN = 'shown';

const RUN_FOLDER = /^[0-9a-f-]{36}$/;
const lockOf = (folder: string): string => `gorp-web-rounds/${folder}`;

/** @throws GorpError `store/failed` where the browser has no such file system, or not for this page. */
async function privateFolder(): Promise<FileSystemDirectoryHandle> {
  const { storage } = navigator as Partial<Navigator>;
  if (storage === undefined) {
    throw new GorpError(
      'store/failed',
      'The browser keeps no files for this page: it does so for pages over https or from this machine only.',
      'Open the page over https, or on the machine that serves it as http://localhost.',
    );
  }
  try {
    return await storage.getDirectory();
  } catch (cause) {
    throw failed(cause);
  }
}

/** Every file of the rounds that are shown, in order of their paths. */
export async function keptFiles(): Promise<KeptFile[]> {
  const root = await privateFolder();
  const found: KeptFile[] = [];
  const walk = async (folder: FileSystemDirectoryHandle, above: string): Promise<void> => {
    for await (const [name, handle] of folder.entries()) {
      const path = `${above}${name}`;
      if (handle instanceof FileSystemDirectoryHandle) await walk(handle, `${path}/`);
      else if (handle instanceof FileSystemFileHandle) found.push({ path, file: await handle.getFile() });
    }
  };
  try {
    const rounds = await root.getDirectoryHandle(FOLDER);
    const shown = await shownFolder(rounds);
    await walk(shown === '' ? rounds : await rounds.getDirectoryHandle(shown), '');
    // Beside what an earlier version left, a run may have begun whose first round is not complete.
    if (shown === '') return inOrder(found.filter(({ path }) => !RUN_FOLDER.test(path.split('/')[0])));
  } catch (thrown) {
    if (!isMissing(thrown)) throw failed(thrown);
  }
  return inOrder(found);
}

const inOrder = (files: KeptFile[]): KeptFile[] =>
  files.sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));

const ROUND = /^(.*\/)?(\d+-[^/]+)\//;

/** The rounds among files, in order. */
export function roundsOf(files: readonly KeptFile[]): KeptRound[] {
  const rounds = new Map<string, KeptRound>();
  for (const { path, file } of files) {
    const name = ROUND.exec(path)?.[2];
    if (name === undefined) continue;
    const round = rounds.get(name) ?? { name, bytes: 0, hasWeights: false };
    const hasWeights = round.hasWeights || path.endsWith(`/${ROUND_FILE}`);
    rounds.set(name, { name, bytes: round.bytes + file.size, hasWeights });
  }
  return [...rounds.values()];
}

/** The folder that is shown; empty for what an earlier version left in `rounds` itself. */
async function shownFolder(rounds: FileSystemDirectoryHandle): Promise<string> {
  try {
    return await (await (await rounds.getFileHandle(SHOWN)).getFile()).text();
  } catch (thrown) {
    if (isMissing(thrown)) return '';
    throw thrown;
  }
}

/** The last of the kept rounds that can be opened, its folder with `/` at the end, and the names of those after it that cannot. */
export async function findLastRound(
  files: readonly KeptFile[],
): Promise<{ last: SavedRound | null; folder: string; broken: string[] }> {
  const broken: string[] = [];
  for (const { path } of files.filter(({ path }) => path.endsWith(`/${ROUND_FILE}`)).reverse()) {
    const folder = path.slice(0, -ROUND_FILE.length);
    try {
      return { last: await openRoundOf(files, folder), folder, broken };
    } catch (thrown) {
      if (!(thrown instanceof GorpError)) throw thrown;
      broken.push(ROUND.exec(folder)?.[2] ?? folder);
    }
  }
  return { last: null, folder: '', broken };
}

/** Opens the last of the kept rounds whose weights are there. @throws GorpError `run/bad-round`. */
export async function openLastRound(): Promise<SavedRound> {
  const files = await keptFiles();
  return (await findLastRound(files)).last ?? openRoundOf(files, '');
}

/** Opens the round in a folder among files. */
export const openRoundOf = (files: readonly KeptFile[], folder: string): Promise<SavedRound> =>
  openSavedRound((name) => {
    const found = files.find(({ path }) => path === folder + name);
    return Promise.resolve(found ? byteFile(name, found.file) : null);
  });

const byteFile = (name: string, file: Blob): ByteFile => ({
  name,
  bytes: file.size,
  read: async (begin, end) => new Uint8Array(await file.slice(begin, end).arrayBuffer()),
  discard: () => Promise.resolve(),
});

/** Keeps the rounds of one run. */
export class RoundKeeper {
  readonly #everyRound: boolean;
  readonly #resumes: boolean;
  #folder: Promise<string> | undefined;

  /**
   * @param everyRound whether the weights of every round are kept, and not only those of the last.
   * @param resumes whether the run resumes from the rounds that are shown: its own go beside them then.
   */
  constructor(everyRound: boolean, resumes: boolean) {
    this.#everyRound = everyRound;
    this.#resumes = resumes;
  }

  /** @throws GorpError `store/busy`, `store/quota`, `store/failed`. */
  async keep({ orderFolder, roundFolder, results, trained }: RoundOutput): Promise<void> {
    const folder = await (this.#folder ??= this.#resumes ? claimShown() : claimNew());
    const order = await makeFolder([FOLDER, folder, ...orderFolder.split('/')].filter(Boolean));
    // What is written last makes it a round; what a run before has left of it does not count meanwhile.
    const round = await order.getDirectoryHandle(roundFolder, { create: true });
    await removeFrom(round, ROUND_FILE);
    await writeInto(order, within(roundFolder, [...results, ...trained]));
    if (folder !== '') await show(folder);
    if (this.#everyRound) return;
    for await (const [name, handle] of order.entries()) {
      if (!(handle instanceof FileSystemDirectoryHandle) || name === roundFolder) continue;
      for (const file of TRAINED_NAMES) await removeFrom(handle, file);
    }
  }
}

/** A folder of this run alone. */
async function claimNew(): Promise<string> {
  await privateFolder(); // pages that have none have no locks either
  const folder = randomId();
  await claim(folder);
  return folder;
}

async function claimShown(): Promise<string> {
  const folder = await shownFolder(await makeFolder([FOLDER]));
  await claim(folder);
  return folder;
}

/** Holds the lock of a folder for as long as this worker lives. @throws GorpError `store/busy`. */
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
    'A run in another tab is resuming from the same round, and keeps its files there.',
    'Let that run end, or begin a run anew.',
  );
}

/** Makes a folder the one that is shown, and removes those of other runs that have ended. */
async function show(folder: string): Promise<void> {
  const rounds = await makeFolder([FOLDER]);
  if ((await shownFolder(rounds)) !== folder) {
    await writeHandle(await rounds.getFileHandle(SHOWN, { create: true }), textOf(folder));
  }
  const { held = [] } = await navigator.locks.query();
  const busy = new Set(held.map(({ name }) => name));
  for await (const name of rounds.keys()) {
    // What an earlier version left in `rounds` itself goes by the empty name.
    const lock = lockOf(RUN_FOLDER.test(name) ? name : '');
    if (![folder, SHOWN].includes(name) && !busy.has(lock)) await removeFrom(rounds, name);
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- files are written from async pieces.
async function* textOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

async function removeFrom(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  await folder.removeEntry(name, { recursive: true }).catch((thrown: unknown) => {
    if (!isMissing(thrown)) throw failed(thrown);
  });
}

/**
 * Puts the files of a round, chosen from disk, in place of the ones that are shown, once all of them are here.
 *
 * @throws GorpError `run/bad-round`, `store/…`; the rounds that were shown stay then.
 */
export async function importRound(files: readonly KeptFile[]): Promise<void> {
  const state = files.find(({ path }) => path === ROUND_FILE || path.endsWith(`/${ROUND_FILE}`));
  const folder = state?.path.slice(0, -ROUND_FILE.length) ?? '';
  const { round, results } = await openRoundOf(files, folder);
  const name = roundFolder(round, results.settings.order[round - 1]);
  const own = files.filter(({ path }) => path.startsWith(folder));
  await privateFolder();
  const target = randomId();
  await navigator.locks.request(lockOf(target), async () => {
    try {
      await writeInto(
        await makeFolder([FOLDER, target]),
        within(
          name,
          own.map(({ path, file }) => ({ path: path.slice(folder.length), content: () => piecesOf(file) })),
        ),
      );
      await show(target);
    } catch (thrown) {
      await removeFrom(await makeFolder([FOLDER]), target);
      throw thrown;
    }
  });
}

/** The bytes of a file, piece by piece. (Streams can be iterated over in newer browsers only.) */
export async function* piecesOf(file: Blob): AsyncGenerator<Uint8Array> {
  const reader = file.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/**
 * Writes a stream to a file, which gets its content when all of it has come; on a failure the file stays as it was.
 *
 * @throws GorpError `store/quota`, `store/failed`, and what the content throws.
 */
export async function writeHandle(handle: FileSystemFileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
  let writable: FileSystemWritableFileStream | undefined;
  try {
    writable = await handle.createWritable();
    for await (const piece of content) await writable.write(piece as Uint8Array<ArrayBuffer>);
    await writable.close();
  } catch (thrown) {
    await writable?.abort().catch(() => undefined);
    throw thrown instanceof GorpError ? thrown : failed(thrown);
  }
}

/** A file in the browser's private file system, to be written and handed to the downloads. */
export async function downloadFile(name: string): Promise<FileSystemFileHandle> {
  const root = await privateFolder();
  // What was downloaded before is not needed any more.
  await root.removeEntry('download', { recursive: true }).catch(() => undefined);
  return (await makeFolder(['download'])).getFileHandle(name, { create: true });
}

async function makeFolder(parts: readonly string[]): Promise<FileSystemDirectoryHandle> {
  let folder = await privateFolder();
  try {
    for (const part of parts) folder = await folder.getDirectoryHandle(part, { create: true });
  } catch (thrown) {
    throw failed(thrown);
  }
  return folder;
}

async function writeInto(folder: FileSystemDirectoryHandle, files: readonly OutputFile[]): Promise<void> {
  for (const { path, content } of files) {
    const parts = path.split('/');
    const name = parts.pop() as string;
    let at = folder;
    for (const part of parts) at = await at.getDirectoryHandle(part, { create: true });
    await writeHandle(await at.getFileHandle(name, { create: true }), content());
  }
}

const within = (folder: string, files: readonly OutputFile[]): OutputFile[] =>
  files.map(({ path, content }) => ({ path: `${folder}/${path}`, content }));

const isMissing = (thrown: unknown): boolean => thrown instanceof DOMException && thrown.name === 'NotFoundError';

function failed(cause: unknown): GorpError {
  if (cause instanceof DOMException && cause.name === 'QuotaExceededError') {
    return new GorpError(
      'store/quota',
      'The browser has no room left for the files.',
      'Delete models that are not needed, or free space on the disk.',
      { cause },
    );
  }
  return new GorpError(
    'store/failed',
    `The browser could not keep or read files: ${cause instanceof Error ? cause.message : String(cause)}.`,
    'Private windows often keep nothing: use a usual one.',
    { cause },
  );
}
