import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ordersFolder, roundFolder } from '../../src/run/files/layout.ts';
import { type Results, ResultsSchema } from '../../src/run/results/results.ts';
import { projectPath } from '../../tools/setup/process.ts';
import { differences } from '../storm/same-results.ts';
import { ran, type Running } from './process.ts';

/** What is trained. */
export interface Training {
  /** The GGUF file of the base model. */
  readonly model: string;
  readonly order: readonly string[];
  /** CL_Benchmark's folder, if tasks of it are learned. */
  readonly benchmark: string | undefined;
  readonly examples: number;
  readonly tests: number;
}

/** A finished run, and where its files are. */
export interface Finished {
  readonly results: Results;
  /** The folder of its last round, and its path below {@link out}. */
  readonly round: string;
  readonly inOut: string;
  readonly out: string;
}

/** Prompt length: the embedded tasks are shorter, and texts of CL_Benchmark are cut. */
export const PROMPT_LENGTH = 96;

/** Runs a command of the built command line. */
export const gorpWeb = (args: readonly string[], running?: Running): Promise<string> =>
  ran(process.execPath, [projectPath('dist-lib', 'cli.js'), ...args], running);

/** Trains a run to its end, and again with a kill in the second round. @returns the killed one, and what differs. */
export async function trainAndKill(
  training: Training,
  folder: string,
): Promise<{ finished: Finished; problems: string[] }> {
  const whole = join(folder, 'whole');
  const out = join(folder, 'killed');
  await rm(folder, { recursive: true, force: true });
  await gorpWeb(argumentsOf(training, whole));
  let isKilled = false;
  await gorpWeb([...argumentsOf(training, out), '--json'], {
    onLine: (line, kill) => {
      if (isKilled || !line.startsWith('{"type":"progress"')) return;
      const { phase, round, done } = JSON.parse(line) as { phase: string; round: number; done: number };
      if (phase !== 'train' || round !== 2 || done < 2) return;
      isKilled = true;
      kill();
    },
  });
  if (!isKilled) throw new Error('The run ended before its second round could be killed.');
  await gorpWeb([...argumentsOf(training, out), '--resume', 'auto']);
  const [expected, results] = [await resultsIn(whole), await resultsIn(out)];
  const { order } = results.settings;
  const inOut = join(ordersFolder(order), roundFolder(order.length, order.at(-1) ?? ''));
  return { finished: { results, inOut, round: join(out, inOut), out }, problems: differences(expected, results) };
}

function argumentsOf({ model, order, benchmark, examples, tests }: Training, out: string): string[] {
  const settings = {
    promptForm: 'raw',
    trainExamples: examples,
    testExamples: tests,
    epochs: 1,
    batchSize: 4,
    sourceLength: PROMPT_LENGTH,
    evaluationBatchSize: 8,
  };
  return [
    ...['train', '--model', model, '--order', order.join(','), '--method', 'gorp-plus', '--device', 'cpu'],
    ...(benchmark === undefined ? [] : ['--tasks', benchmark]),
    ...Object.entries(settings).flatMap(([name, value]) => ['--set', `training.${name}=${value}`]),
    ...['--watch', 'none', '--checkpoint', '0.05', '--out', out],
  ];
}

const resultsIn = async (out: string): Promise<Results> =>
  v.parse(ResultsSchema, JSON.parse(await readFile(join(out, 'results.json'), 'utf8')));
