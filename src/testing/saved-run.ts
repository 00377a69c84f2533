import { expect } from 'vitest';
import type { RunEvent } from '../run/events/events.ts';
import type { RunHost } from '../run/events/host.ts';
import { openSavedRound, type SavedRound } from '../run/files/saved-round.ts';
import { type Matrix, matrix } from '../linear-algebra/matrix.ts';
import { squareOf } from '../linear-algebra/packed-symmetric.ts';
import type { RememberedExample } from '../gorp/part/method-plan.ts';
import type { Results } from '../run/results/results.ts';
import { Run } from '../run/run.ts';
import type { RunSettings } from '../run/settings/settings.ts';
import { bytesOfFile, memoryFile } from './output-files.ts';
import { tinyHost } from './tiny-run.ts';
import { finishedResults } from './ended-run.ts';

/** The files of a round's folder, by relative path. */
export type Files = Map<string, Uint8Array<ArrayBuffer>>;

/** A finished run and the files of every round, by folder. */
export interface DoneRun {
  results: Results;
  rounds: Map<string, Files>;
  events: RunEvent[];
}

/** Runs to the end on a test device and returns the files of every round. */
export async function runKeepingRounds(settings: RunSettings, parts: Partial<RunHost> = {}): Promise<DoneRun> {
  const rounds = new Map<string, Files>();
  const events: RunEvent[] = [];
  const saveRound: RunHost['saveRound'] = async ({ orderFolder, roundFolder, results, trained }) => {
    const files: Files = new Map();
    for (const file of [...results, ...trained]) files.set(file.path, await bytesOfFile(file));
    rounds.set(`${orderFolder}/${roundFolder}`, files);
  };
  await new Run(
    tinyHost((event) => events.push(event), { saveRound, ...parts }),
    settings,
  ).execute();
  const results = finishedResults(events);
  expect(results.memory.liveBuffersAtEnd).toBe(0);
  return { results, rounds, events };
}

/** Opens a round from its files. */
export const openRound = (files: Files): Promise<SavedRound> =>
  openSavedRound((path) => {
    const bytes = files.get(path);
    return Promise.resolve(bytes ? memoryFile(path, bytes) : null);
  });

/** A tensor of a round's state by its name there. */
export async function tensorOf(files: Files, name: string): Promise<Matrix> {
  const found = await (await openRound(files)).state.learner.tensors.read(name);
  if (found === undefined) throw new Error(`the round has no ${name}`);
  return matrix(found.rows, found.columns, found.data);
}

/** The tensors that a method stores between tasks besides what it trains. */
export interface MethodState {
  /** By their names without `method/`. */
  readonly tensors: ReadonlyMap<string, Matrix>;
  readonly examples: readonly RememberedExample[];
}

/** The tensors and examples that a method has saved with a round. */
export async function methodStateOf(files: Files): Promise<MethodState> {
  const { tensors, progress } = (await openRound(files)).state.learner;
  const own = tensors.names.filter((name) => name.startsWith('method/'));
  const read = own.map(async (name): Promise<[string, Matrix]> => [name.slice(7), await tensorOf(files, name)]);
  return { tensors: new Map(await Promise.all(read)), examples: progress.examples };
}

/** P of the hard space of an input, as a round saved it. @param reader the first layer that reads the input. */
export async function spaceOf(files: Files, reader: string): Promise<Matrix> {
  const { columns, data } = await tensorOf(files, `space/${reader}`);
  const n = (Math.sqrt(8 * columns + 1) - 1) / 2;
  return matrix(n, n, squareOf(Float32Array.from(data), n));
}
