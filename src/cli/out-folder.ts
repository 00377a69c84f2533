import { existsSync } from 'node:fs';
import { mkdir, readdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { GorpError } from '../base/errors.ts';
import { ordersFolder } from '../run/files/layout.ts';
import type { Change } from './arguments.ts';
import { CHECKPOINTS } from './checkpoint-folder.ts';
import { removeDrafts } from './durable-write.ts';
import { FileLock } from './file-lock.ts';

/** The files that a run or a test leaves at the top of its folder. */
const LEFT_BEHIND = [
  'results.json',
  'logs_and_outputs',
  'predict_results.json',
  'predict_eval_predictions.jsonl',
  CHECKPOINTS,
];
/** Held as long as a run writes into the folder. */
const LOCK = '.gorp-web.lock';

/** A round that a run resumes from: the path that was given, and its number. */
interface ResumedRound {
  path: string;
  round: number;
}

/**
 * Locks the folder of a run, from its start to its end, so that no other run writes into it. Removes what killed
 * processes left unfinished.
 *
 * @returns a function that releases the folder, and removes it again if nothing was written into it.
 * @throws GorpError `run/out-is-busy`, `store/failed`.
 */
export async function lockOut(out: string): Promise<() => Promise<void>> {
  const { lock, made } = await takeLock(out);
  // Nobody else writes here while the lock is held.
  await removeDrafts(out);
  return async () => {
    await lock.release();
    await removeEmpty(out, made);
  };
}

/** Removes a folder, and those above it up to one that was made with it, as far as they are empty. */
async function removeEmpty(folder: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  try {
    for (let at = resolve(folder); at.startsWith(resolve(made)); at = dirname(at)) await rmdir(at);
  } catch {
    // The run has left something there.
  }
}

/**
 * Locks a folder as {@link lockOut} does, refusing one in which the run would replace anything. After a round in the
 * folder itself, the run may add later rounds.
 *
 * @param order of the run's tasks.
 * @throws GorpError `run/out-is-taken`, and as {@link lockOut}.
 */
export async function claimOut(
  out: string,
  { order, resumed }: { order?: readonly string[]; resumed?: ResumedRound | undefined } = {},
): Promise<() => Promise<void>> {
  const free = await lockOut(out);
  try {
    await refuseTaken(out, order ?? [], resumed ?? null);
  } catch (thrown) {
    await free();
    throw thrown;
  }
  return free;
}

async function takeLock(out: string): Promise<{ lock: FileLock; made: string | undefined }> {
  let lock: FileLock | null;
  let made: string | undefined;
  try {
    made = await mkdir(out, { recursive: true });
    lock = await FileLock.take(join(out, LOCK), 'a run');
  } catch (cause) {
    throw new GorpError(
      'store/failed',
      `${out} cannot be written to: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Check the folder, or name another with --out.',
      { cause },
    );
  }
  if (lock !== null) return { lock, made };
  throw new GorpError(
    'run/out-is-busy',
    `Another run is writing into ${out}.`,
    'Name another folder with --out, or wait for it to end.',
  );
}

/** A name like that of a folder which nothing bears yet. */
export function freeFolder(out: string): string {
  const name = out.replace(/[\\/]+$/, '');
  let number = 2;
  while (existsSync(`${name}-${number}`)) number++;
  return `${name}-${number}`;
}

/**
 * Refuses a folder that a run would replace something in.
 *
 * @param command returns the command with other options, for what to do instead; commands that cannot resume have none.
 * @param resumed the round to resume from; `round` is Infinity after a checkpoint: the run may write its rounds again.
 * @throws GorpError `run/out-is-taken`.
 */
export async function refuseTaken(
  out: string,
  order: readonly string[],
  resumed: ResumedRound | null,
  command?: (change: Change) => string,
): Promise<void> {
  const waysOn = (canContinue: boolean): string => {
    if (command === undefined) return 'Name another folder with --out, or resume from what is in this one.';
    const elsewhere = `To write elsewhere:\n  ${command({ out: freeFolder(out) })}`;
    return canContinue ? `To continue that run:\n  ${command({ resume: 'auto' })}\n${elsewhere}` : elsewhere;
  };
  const isOwn = resumed !== null && isBelow(out, resumed.path);
  if (!isOwn) {
    const there = await Promise.all(LEFT_BEHIND.map((name) => holdsFiles(join(out, name))));
    const found = LEFT_BEHIND.find((_, i) => there[i]);
    if (found === undefined) return;
    throw new GorpError(
      'run/out-is-taken',
      `${out} has ${found} of another run already.`,
      waysOn(await holdsFiles(join(out, CHECKPOINTS))), // which are removed when a run finishes
    );
  }
  const names = await readdir(join(out, ordersFolder(order))).catch((): string[] => []);
  const later = names.find((name) => Number(/^(\d+)-(?!.*\.partial$)/.exec(name)?.[1] ?? 0) > resumed.round);
  if (later === undefined) return;
  throw new GorpError(
    'run/out-is-taken',
    `${out} has a later model already, ${later}, which would be replaced.`,
    waysOn(true),
  );
}

/** Whether there is a file, or a folder with one: a killed process may have left folders and come no further. */
async function holdsFiles(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isDirectory()) return found !== null;
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  return entries.some((entry) => !entry.isDirectory());
}

function isBelow(folder: string, path: string): boolean {
  const between = relative(resolve(folder), resolve(path));
  return between !== '' && between !== '..' && !between.startsWith(`..${sep}`);
}
