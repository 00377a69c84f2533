import { GorpError } from '../base/errors.ts';
import type { RoundOutput } from '../run/events/host.ts';
import { ROUND_FILE, roundFolder, TRAINED_NAMES } from '../run/files/layout.ts';
import { readManifest } from '../run/files/saved-run.ts';
import { openSavedRound, type SavedRound } from '../run/files/saved-round.ts';
import { within } from '../weights/exports/output-file.ts';
import {
  byteFile,
  failed,
  filesBelow,
  folderIn,
  isMissing,
  makeFolder,
  piecesOf,
  privateFolder,
  removeFrom,
  writeInto,
} from './private-files.ts';
import type { StoredFile, StoredRound } from './protocol.ts';
import { CHECKPOINTS, FOLDER, inNewFolder, RUN_FOLDER, type RunFolder, show } from './run-folders.ts';

/** Every file of the rounds in a folder, in order of path. */
export async function storedFiles(folder: string | null): Promise<StoredFile[]> {
  const root = await privateFolder();
  try {
    const rounds = await root.getDirectoryHandle(FOLDER);
    if (folder === null || !RUN_FOLDER.test(folder)) return [];
    return inOrder(await filesBelow(await rounds.getDirectoryHandle(folder), (name) => name !== CHECKPOINTS));
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw failed(thrown);
  }
}

const inOrder = (files: StoredFile[]): StoredFile[] =>
  files.sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));

const ROUND = /^(.*\/)?(\d+-[^/]+)\//;

/** The rounds among files, in order. */
export function roundsOf(files: readonly StoredFile[]): StoredRound[] {
  const rounds = new Map<string, StoredRound>();
  for (const { path, file } of files) {
    const name = ROUND.exec(path)?.[2];
    if (name === undefined) continue;
    const round = rounds.get(name) ?? { name, bytes: 0, hasWeights: false };
    const hasWeights = round.hasWeights || path.endsWith(`/${ROUND_FILE}`);
    rounds.set(name, { name, bytes: round.bytes + file.size, hasWeights });
  }
  return [...rounds.values()];
}

/** The last stored round that can be opened, its folder with a final `/`, and the names of later rounds that cannot. */
export async function findLastRound(
  files: readonly StoredFile[],
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

/** Opens the last round in a folder that has weights. @throws GorpError `run/bad-round`. */
export async function openLastRound(folder: string | null): Promise<SavedRound> {
  const files = await storedFiles(folder);
  const saved = (await findLastRound(files)).last ?? (await openRoundOf(files, ''));
  await saved.state.check();
  return saved;
}

/** Opens the round in a folder, given the files; its tensors are not checked. */
const openRoundOf = (files: readonly StoredFile[], folder: string): Promise<SavedRound> =>
  openSavedRound((name) => {
    const found = files.find(({ path }) => path === folder + name);
    return Promise.resolve(found ? byteFile(name, found.file) : null);
  });

/** Stores the rounds of one run. */
export class RoundSaver {
  readonly #folder: RunFolder;
  readonly #everyRound: boolean;

  /** @param everyRound whether to store the weights of every round, not only of the last. */
  constructor(folder: RunFolder, everyRound: boolean) {
    this.#folder = folder;
    this.#everyRound = everyRound;
  }

  /** @throws GorpError `store/busy`, `store/quota`, `store/failed`. */
  async save({ orderFolder, roundFolder, results, trained, soFar }: RoundOutput): Promise<void> {
    const folder = await this.#folder.claimed();
    const order = await makeFolder([FOLDER, folder, ...orderFolder.split('/')]);
    // The file written last makes it a round; until then, remains of an earlier run do not count as one.
    const round = await folderIn(order, roundFolder);
    await removeFrom(round, ROUND_FILE);
    try {
      await writeInto(order, within(roundFolder, [...results, ...trained]));
    } catch (thrown) {
      await removeFrom(order, roundFolder).catch(() => undefined); // part of a round only takes room
      throw thrown;
    }
    await show(folder);
    if (!this.#everyRound) await removeWeights(order, soFar.id, roundFolder);
  }
}

/**
 * Removes the trained files of a run's rounds but one; result files stay, and so do the rounds of the run that it
 * resumed from.
 */
async function removeWeights(order: FileSystemDirectoryHandle, run: string | undefined, except: string): Promise<void> {
  for await (const [name, handle] of order.entries()) {
    if (!(handle instanceof FileSystemDirectoryHandle) || name === except) continue;
    if ((await runOf(handle)) !== run) continue;
    for (const file of TRAINED_NAMES) await removeFrom(handle, file);
  }
}

/** The run whose round is in a folder; null if there is none that can be read. */
async function runOf(folder: FileSystemDirectoryHandle): Promise<string | null | undefined> {
  try {
    const file = await (await folder.getFileHandle(ROUND_FILE)).getFile();
    return (await readManifest(byteFile(ROUND_FILE, file), 'round')).results.id;
  } catch (thrown) {
    if (isMissing(thrown) || thrown instanceof GorpError) return null;
    throw thrown;
  }
}

/**
 * Shows a round chosen from disk, once all its files are stored. Those of runs stay beside it.
 *
 * @returns its folder.
 * @throws GorpError `run/bad-round`, `store/…`; the shown rounds then stay.
 */
export async function importRound(files: readonly StoredFile[]): Promise<string> {
  const manifest = files.find(({ path }) => path === ROUND_FILE || path.endsWith(`/${ROUND_FILE}`));
  const folder = manifest?.path.slice(0, -ROUND_FILE.length) ?? '';
  const { round, results, state } = await openRoundOf(files, folder);
  await state.check();
  const name = roundFolder(round, results.settings.order[round - 1]);
  const own = files.filter(({ path }) => path.startsWith(folder));
  await privateFolder();
  return inNewFolder(async (target) => {
    await writeInto(
      target,
      within(
        name,
        own.map(({ path, file }) => ({ path: path.slice(folder.length), content: () => piecesOf(file) })),
      ),
    );
  });
}
