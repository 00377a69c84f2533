import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { type Results, ResultsSchema } from '../../src/run/results/results.ts';
import { type Command, projectPath, runOrFail } from '../../tools/setup/process.ts';

/**
 * Settings on top of the quick preset: more than twenty steps, at a tenth of its learning rate. At the full rate, Adam
 * amplifies rounding so much that the losses of two kernels differ by a hundredth after twenty steps.
 */
export const SETTINGS = {
  'training.epochs': 2,
  'method.learningRate': 3e-4,
  'method.galoreLearningRate': 3e-4,
} as const;
const COMPARED = 20;
/** Relative difference of losses that other kernels explain: rounding, which Adam amplifies step by step. */
const TOLERANCE = 1e-3;

/** Trains the quick preset with the command line. @param runtime Node or its replacement, with its options. */
export async function trainQuick(runtime: Command): Promise<Results> {
  const out = join(mkdtempSync(join(tmpdir(), 'gorp-web-engine-')), 'run');
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const train = ['train', '--preset', 'quick', ...settings, '--device', 'gpu', '--out', out];
  await runOrFail([...runtime, projectPath('tools', 'run.mjs'), 'src/cli/main.ts', ...train]);
  return readResults(join(out, 'results.json'));
}

/** @throws if it is not a results file. */
export const readResults = (path: string): Results => v.parse(ResultsSchema, JSON.parse(readFileSync(path, 'utf8')));

/**
 * Checks a run of another engine: it finished on a graphics adapter, and its first losses are those of Dawn in Node.
 *
 * @throws an error that says what is wrong.
 */
export function checkRun(results: Results, reference: Results): void {
  const { status, error, device, memory } = results;
  if (status !== 'finished') throw new Error(`The run ${status}: ${error?.code} ${error?.message}`);
  if (device.kind !== 'webgpu') throw new Error(`It computed by ${device.kind}, not by WebGPU.`);
  if (memory.liveBuffersAtEnd !== 0) throw new Error(`${memory.liveBuffersAtEnd} buffers were alive at the end.`);
  const [losses, expected] = [results, reference].map(({ curves }) => curves.loss.slice(0, COMPARED));
  if (expected.length < COMPARED || losses.length < COMPARED)
    throw new Error(`There are fewer than ${COMPARED} losses.`);
  const off = losses.map((loss, i) => Math.abs(loss / expected[i] - 1));
  const worst = Math.max(...off);
  if (!(worst <= TOLERANCE)) {
    throw new Error(
      `The loss of step ${off.indexOf(worst) + 1} is off by ${worst}: ${losses.join(' ')}; ${expected.join(' ')}`,
    );
  }
  console.log(`The first ${COMPARED} losses agree to ${worst.toExponential(1)}, relative.`);
}
