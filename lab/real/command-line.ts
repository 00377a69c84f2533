import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ordersFolder, roundFolder } from '../../src/run/files/layout.ts';
import { type Results, ResultsSchema } from '../../src/run/results/results.ts';
import { projectPath } from '../../tools/setup/process.ts';
import { differences } from '../storm/storm.ts';

/** How to run a program. */
interface Running {
  readonly cwd?: string;
  /** Called with each line of its output. May kill it. */
  readonly onLine?: (line: string, kill: () => void) => void;
}

/** Runs a program to its end. @returns what it wrote on stdout. @throws with the end of its stderr if it fails. */
export async function ran(program: string, args: readonly string[], { cwd, onLine }: Running = {}): Promise<string> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr, isKilled, pending] = ['', '', false, ''];
  const kill = (): void => {
    isKilled = true;
    child.kill('SIGKILL');
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (onLine === undefined) {
      stdout += text;
      return;
    }
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) onLine(line, kill);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (code !== 0 && !isKilled) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stderr}`);
  return stdout;
}

/**
 * Checks that Python has some packages, since they are needed only after minutes of training.
 *
 * @throws Error with their names and how to install them.
 */
export async function requirePackages(python: string, packages: readonly string[]): Promise<void> {
  const found = `import importlib.util as u; print(*[p for p in ${JSON.stringify(packages)} if not u.find_spec(p)])`;
  const missing = (await ran(python, ['-c', found])).trim();
  if (missing === '') return;
  throw new Error(`${python} lacks ${missing}. Run: ${python} -m pip install ${missing}`);
}

/** The model and the tasks of a training run. */
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
