import { GorpError } from '../base/errors.ts';
import type { RoundOutput } from '../run/host.ts';
import { ROUND_FILE, roundFolder, TRAINED_NAMES } from '../run/outputs/layout.ts';
import { openSavedRound, type SavedRound } from '../run/outputs/saved-round.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import type { ByteFile } from '../weights/model-files.ts';
import type { KeptFile, KeptRound } from './protocol.ts';

/**
 * The files of the last run's rounds, in the browser's private file system: `rounds/logs_and_outputs/…`. A run replaces
 * those of the one before when its first round is kept, not earlier.
 */
const FOLDER = 'rounds';

/** @throws GorpError `store/failed` where the browser has no such file system, or not for this page. */
async function privateFolder(): Promise<FileSystemDirectoryHandle> {
  try {
    return await navigator.storage.getDirectory();
  } catch (cause) {
    throw failed(cause);
  }
}

/** Every file of the kept rounds, in order of their paths. */
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
    await walk(await root.getDirectoryHandle(FOLDER), '');
  } catch (thrown) {
    if (!isMissing(thrown)) throw failed(thrown);
  }
  return found.sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
}

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

/** Opens the last of the kept rounds whose weights are there. @throws GorpError `run/bad-round`. */
export async function openLastRound(): Promise<SavedRound> {
  const files = await keptFiles();
  const last = files.findLast(({ path }) => path.endsWith(`/${ROUND_FILE}`));
  const folder = last?.path.slice(0, -ROUND_FILE.length) ?? '';
  return openRoundOf(files, folder);
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
  #isFirst = true;

  /**
   * @param everyRound whether the weights of every round are kept, and not only those of the last.
   * @param goesOn whether the run goes on from the rounds that are kept: they stay then.
   */
  constructor(
    private readonly everyRound: boolean,
    private readonly goesOn: boolean,
  ) {}

  /** @throws GorpError `store/quota`, `store/failed`. */
  async keep({ orderFolder, roundFolder, results, trained }: RoundOutput): Promise<void> {
    if (this.#isFirst && !this.goesOn) await clearRounds();
    this.#isFirst = false;
    const order = await makeFolder([FOLDER, ...orderFolder.split('/')]);
    await writeInto(order, within(roundFolder, [...results, ...trained]));
    if (this.everyRound) return;
    for await (const [name, handle] of order.entries()) {
      if (!(handle instanceof FileSystemDirectoryHandle) || name === roundFolder) continue;
      for (const file of TRAINED_NAMES) {
        await handle.removeEntry(file, { recursive: true }).catch((thrown: unknown) => {
          if (!isMissing(thrown)) throw failed(thrown);
        });
      }
    }
  }
}

/** Puts the files of a round, chosen from disk, in place of the kept ones. @throws GorpError `run/bad-round`, `store/…`. */
export async function importRound(files: readonly KeptFile[]): Promise<void> {
  const state = files.find(({ path }) => path === ROUND_FILE || path.endsWith(`/${ROUND_FILE}`));
  const folder = state?.path.slice(0, -ROUND_FILE.length) ?? '';
  const { round, results } = await openRoundOf(files, folder);
  const name = roundFolder(round, results.settings.order[round - 1]);
  await clearRounds();
  const own = files.filter(({ path }) => path.startsWith(folder));
  await writeInto(
    await makeFolder([FOLDER]),
    within(
      name,
      own.map(({ path, file }) => ({ path: path.slice(folder.length), content: () => piecesOf(file) })),
    ),
  );
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

async function clearRounds(): Promise<void> {
  const root = await privateFolder();
  await root.removeEntry(FOLDER, { recursive: true }).catch((thrown: unknown) => {
    if (!isMissing(thrown)) throw failed(thrown);
  });
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
