import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { CheckpointFolder } from '../../src/cli/checkpoint-folder.ts';
import { openRoundFolder } from '../../src/cli/round-folder.ts';
import { reportOf } from '../../src/base/errors.ts';
import { ordersFolder } from '../../src/run/outputs/layout.ts';
import { type Results, ResultsSchema } from '../../src/run/results.ts';
import { type Life, live, requireCli } from './cli.ts';
import { differences } from './same-results.ts';
import type { Outcome, Storm, StormOptions } from './storm.ts';

/** Of a run of a few seconds, on the CPU: its kernels are the same every time. */
const SETTINGS = [
  ...['--device', 'cpu', '--preset', 'quick', '--method', 'gorp-plus'],
  ...['--set', 'training.trainExamples=64', '--set', 'training.testExamples=8', '--set', 'training.batchSize=4'],
];
/** Seconds; a checkpoint is written about as often. */
const CHECKPOINT = 1;
/** Seconds within which a run should tell something. */
const SILENCE = 10;

/** Kills processes that run the same command until it is done, and done again, as often as is asked for. */
export const kills: Storm = {
  whole: 100,
  what: 'SIGKILL at a random moment of `train --resume auto`',
  run: async ({ count, random, note }: StormOptions): Promise<Outcome> => {
    requireCli();
    const folder = await mkdtemp(join(tmpdir(), 'gorp-storm-'));
    const problems: string[] = [];
    try {
      note('a run without a break');
      const whole = await life(join(folder, 'whole'), Infinity);
      if (whole.exit !== 0) return { figures: 'no run came to its end', problems: [whole.stderr] };
      const expected = await resultsOf(join(folder, 'whole'));
      let [killed, runs, silent] = [0, 0, whole.silent];
      while (killed < count) {
        const out = join(folder, `run-${++runs}`);
        let confirmed = 0;
        for (;;) {
          const lived = await life(out, killed < count ? whole.milliseconds * random() : Infinity);
          silent = Math.max(silent, lived.silent);
          if (lived.exit !== null && lived.exit !== 0) problems.push(`exit ${lived.exit}: ${lived.stderr}`);
          if (lived.exit !== null) break;
          killed++;
          const { steps, faults } = await look(out, expected.settings.order);
          problems.push(...faults.map((fault) => `behind kill ${killed}: ${fault}`));
          if (steps < confirmed) problems.push(`behind kill ${killed}: ${confirmed} steps were saved, now ${steps}`);
          confirmed = steps;
          note(`kill ${killed} of run ${runs}: ${steps} steps are saved`);
        }
        problems.push(...differences(expected, await resultsOf(out)).map((one) => `run ${runs}: ${one}`));
        const left = (await readdir(out, { recursive: true })).filter((name) => /\.partial|checkpoints/.test(name));
        if (left.length > 0) problems.push(`run ${runs} left ${left.join(', ')}`);
        await rm(out, { recursive: true });
      }
      if (silent > SILENCE) problems.push(`no sign of life for ${silent.toFixed(1)} s`);
      const figures = `${runs} runs of ${expected.curves.step.length} steps came to their end, losses and matrices bit for bit those of a run without a break; longest silence ${silent.toFixed(1)} s`;
      return { figures, problems };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const life = (out: string, milliseconds: number): Promise<Life> =>
  live(['train', ...SETTINGS, '--out', out, '--resume', 'auto', '--json', '--checkpoint', String(CHECKPOINT / 60)], {
    milliseconds,
  });

/** What lies in the folder of a killed run: steps that are saved, and what should not be there. */
async function look(out: string, order: readonly string[]): Promise<{ steps: number; faults: string[] }> {
  const faults: string[] = [];
  const warn = (message: string): number => faults.push(message);
  const tell = (thrown: unknown): null => {
    warn(reportOf(thrown).message);
    return null;
  };
  const checkpoint = await new CheckpointFolder(out, 0, warn).last();
  let steps = checkpoint?.learner.progress.totalSteps ?? 0;
  if (existsSync(join(out, 'results.json'))) await resultsOf(out).catch(tell);
  const outputs = join(out, ordersFolder(order));
  for (const name of await readdir(outputs).catch((): string[] => [])) {
    if (!/^\d+-[a-z]+$/.test(name)) continue;
    const round = await openRoundFolder(join(outputs, name)).catch(tell);
    steps = Math.max(steps, round?.results.curves.step.at(-1) ?? 0);
  }
  return { steps, faults };
}

const resultsOf = async (out: string): Promise<Results> =>
  v.parse(ResultsSchema, JSON.parse(await readFile(join(out, 'results.json'), 'utf8')));
