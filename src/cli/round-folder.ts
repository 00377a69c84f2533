import { dirname, join } from 'node:path';
import { GorpError } from '../base/errors.ts';
import type { RoundOutput } from '../run/events/host.ts';
import type { OpenFile } from '../run/files/saved-run.ts';
import { openSavedRound, type SavedRound } from '../run/files/saved-round.ts';
import type { Results } from '../run/results/results.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { isAbsence } from '../weights/model-folder.ts';
import { DiskFolder } from './disk-folder.ts';
import { writeDurably, writeFolderDurably, writeTogetherDurably } from './durable-write.ts';

/**
 * Writes files into a folder, each under a temporary name until it is complete and on disk, so that none is ever
 * partial.
 *
 * @throws GorpError `store/failed`, naming the file.
 */
export async function writeFiles(folder: string, files: readonly OutputFile[]): Promise<void> {
  for (const { path, content } of files) {
    const target = join(folder, path);
    await named(target, () => writeDurably(target, content()));
  }
}

/**
 * Writes files that belong together: they move into the folder, in their order, once all are complete and on disk.
 *
 * @param onFile hears of each file before it is written.
 * @throws GorpError `store/failed`, naming the file or the folder.
 */
export const writeTogether = (
  folder: string,
  files: readonly OutputFile[],
  onFile: (path: string) => void,
): Promise<void> =>
  named(folder, () =>
    writeTogetherDurably(
      folder,
      files.map(({ path }) => path),
      async (draft) => {
        for (const file of files) {
          onFile(file.path);
          await writeFiles(draft, [file]);
        }
      },
    ),
  );

/** Writes a text in one piece, replacing the file. @throws GorpError `store/failed`. */
export const writeText = (path: string, text: string): Promise<void> => named(path, () => writeDurably(path, text));

/** Writes the results file of a run, finished or not, into its folder. @throws GorpError `store/failed`. */
export const writeResults = (out: string, results: Results): Promise<void> =>
  writeText(join(out, RESULTS_FILE), `${JSON.stringify(results)}\n`);

/**
 * Writes the files of a round into a folder, all or none; also the order of the tasks, which the released scripts read,
 * and the results so far.
 *
 * @throws GorpError `store/failed`.
 */
export async function writeRound(out: string, order: readonly string[], round: RoundOutput): Promise<void> {
  const folder = join(out, round.orderFolder);
  const target = join(folder, round.roundFolder);
  await named(target, () =>
    writeFolderDurably(target, (draft) => writeFiles(draft, [...round.results, ...round.trained])),
  );
  await writeText(join(folder, 'task_order.txt'), order.join(','));
  await writeResults(out, round.soFar);
}

/** Opens the folder of a round, and reads all of it to check it. @throws GorpError as {@link openSavedRound}. */
export async function openRoundFolder(path: string): Promise<SavedRound> {
  const saved = await openSavedRound(opensIn(path));
  await saved.state.check();
  return saved;
}

/** Opens files below a folder. */
export const opensIn =
  (folder: string): OpenFile =>
  async (file) => {
    try {
      const at = join(folder, file);
      return await (await DiskFolder.open(dirname(at))).file(file.slice(file.lastIndexOf('/') + 1));
    } catch (thrown) {
      const code = thrown instanceof GorpError ? thrown.code : null;
      if (isAbsence(thrown) || code === 'run/unreadable-file') return null;
      throw thrown;
    }
  };

/** At the top of a run's folder. */
export const RESULTS_FILE = 'results.json';

/** Runs work on a file; its failures name the path. */
export async function named<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw thrown instanceof GorpError ? thrown : unwritable(path, thrown);
  }
}

const unwritable = (path: string, cause: unknown): GorpError =>
  new GorpError(
    'store/failed',
    `${path} could not be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
    'Check the folder and the free space on its disk.',
    { cause },
  );
