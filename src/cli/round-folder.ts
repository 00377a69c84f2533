import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GorpError } from '../base/errors.ts';
import type { RoundOutput } from '../run/host.ts';
import { openSavedRound, type SavedRound } from '../run/outputs/saved-round.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { isAbsence } from '../weights/model-folder.ts';
import { DiskFolder } from './disk-folder.ts';

/**
 * Writes files below a folder, each under another name until it is complete, so that none is ever half there.
 *
 * @throws GorpError `store/failed`, naming the file.
 */
export async function writeFiles(folder: string, files: readonly OutputFile[]): Promise<void> {
  for (const { path, content } of files) {
    const target = join(folder, path);
    const partial = `${target}.partial`;
    try {
      await mkdir(dirname(target), { recursive: true });
      await pipeline(Readable.from(content()), createWriteStream(partial));
      await rename(partial, target);
    } catch (thrown) {
      await rm(partial, { force: true });
      throw thrown instanceof GorpError ? thrown : unwritable(target, thrown);
    }
  }
}

/** Writes a text in one piece, in place of what was there. @throws GorpError `store/failed`. */
export async function writeText(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(partial, text);
    await rename(partial, path);
  } catch (thrown) {
    await rm(partial, { force: true });
    throw unwritable(path, thrown);
  }
}

/** Writes the files of a round below a folder, and the order of the tasks, which the released scripts read. */
export async function writeRound(out: string, order: readonly string[], round: RoundOutput): Promise<void> {
  const folder = join(out, round.orderFolder);
  await writeFiles(join(folder, round.roundFolder), [...round.results, ...round.trained]);
  await writeText(join(folder, 'task_order.txt'), order.join(','));
}

/** Opens the folder of a round. @throws GorpError as {@link openSavedRound}, `run/unreadable-file`. */
export function openRoundFolder(path: string): Promise<SavedRound> {
  return openSavedRound(async (file) => {
    try {
      const at = join(path, file);
      return await (await DiskFolder.open(dirname(at))).file(file.slice(file.lastIndexOf('/') + 1));
    } catch (thrown) {
      const code = thrown instanceof GorpError ? thrown.code : null;
      if (isAbsence(thrown) || code === 'run/unreadable-file') return null;
      throw thrown;
    }
  });
}

const unwritable = (path: string, cause: unknown): GorpError =>
  new GorpError(
    'store/failed',
    `${path} could not be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
    'Check the folder and the room on its disk.',
    { cause },
  );
