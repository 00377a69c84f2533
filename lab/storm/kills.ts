import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { reportOf } from '../../src/base/errors.ts';
import { CheckpointFolder } from '../../src/cli/checkpoint-folder.ts';
import { openRoundFolder } from '../../src/cli/round-folder.ts';
import { ordersFolder } from '../../src/run/files/layout.ts';
import { type Results, ResultsSchema } from '../../src/run/results/results.ts';
import { startLocalHub } from '../../src/testing/local-hub.ts';
import { type Life, live, requireCli } from './cli.ts';
import { readModel, REPO } from './server.ts';
import { differences, type Outcome, type Storm, type StormOptions } from './storm.ts';

/** A run of a few seconds on the CPU, where the kernels are the same every time. */
const SETTINGS = [
  ...['--device', 'cpu', '--preset', 'quick', '--method', 'gorp-plus'],
  ...['--set', 'training.trainExamples=64', '--set', 'training.testExamples=8', '--set', 'training.batchSize=4'],
];
/** Seconds between two checkpoints. */
const CHECKPOINT = 1;
/** Seconds without output that count as a problem. */
const SILENCE = 10;

/** Kills a command and repeats it until its run is finished, then starts over, until there were enough kills. */
export const kills: Storm = {
  whole: 100,
  what: '`train --resume auto` is killed (SIGKILL) at a random moment',
  run: async ({ count, random, note }: StormOptions): Promise<Outcome> => {
    requireCli();
    const folder = await mkdtemp(join(tmpdir(), 'gorp-storm-'));
    const problems: string[] = [];
    try {
      note('an uninterrupted run');
      const whole = await life(join(folder, 'whole'), Infinity);
      if (whole.exit !== 0) return { figures: 'the run without faults failed', problems: [whole.stderr] };
      const expected = await resultsOf(join(folder, 'whole'));
      let [killed, runs, silent] = [0, 0, whole.silent];
      let usual = whole.milliseconds;
      while (killed < count) {
        const out = join(folder, `run-${++runs}`);
        let confirmed = 0;
        for (;;) {
          const lived = await life(out, killed < count ? usual * random() : Infinity);
          silent = Math.max(silent, lived.silent);
          if (lived.exit !== null && lived.exit !== 0)
            problems.push(`run ${runs}, after kill ${killed}: exit ${lived.exit}, ${lived.stderr}`);
          if (lived.exit !== null) {
            // How long a run takes depends on the machine's other work, so the latest time counts.
            if (confirmed === 0) usual = lived.milliseconds;
            break;
          }
          killed++;
          const { steps, faults } = await look(out, expected.settings.order);
          problems.push(...faults.map((fault) => `after kill ${killed}: ${fault}`));
          if (steps < confirmed) problems.push(`after kill ${killed}: ${confirmed} steps were saved, now ${steps}`);
          confirmed = steps;
          note(`kill ${killed} of run ${runs}: ${steps} steps are saved`);
        }
        const results = await resultsOf(out).catch(() => null);
        if (results === null) problems.push(`run ${runs} left no results`);
        else problems.push(...differences(expected, results).map((one) => `run ${runs}: ${one}`));
        const left = (await readdir(out, { recursive: true })).filter((name) =>
          /\.partial|\.replaced|checkpoints/.test(name),
        );
        if (left.length > 0) problems.push(`run ${runs} left ${left.join(', ')}`);
        await rm(out, { recursive: true });
      }
      if (silent > SILENCE) problems.push(`no sign of life for ${silent.toFixed(1)} s`);
      const figures = `${runs} runs of ${expected.curves.step.length} steps finished; losses, matrices and spaces equal those of an uninterrupted run bit for bit; longest silence ${silent.toFixed(1)} s`;
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

/** Finds what a killed run left in its folder: the saved steps, and files that should not be there. */
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

const TRAIN = [
  ...['train', '--device', 'cpu', '--preset', 'quick', '--method', 'seq-lora', '--json', '--resume', 'auto'],
  ...['--set', 'training.trainExamples=16', '--set', 'training.testExamples=4', '--checkpoint', '0.01'],
];
/** The third process is killed within this time, in milliseconds. */
const LIFE = 8000;

/** Two processes download into one store and train into one folder, while a third that does the same is killed. */
export const processes: Storm = {
  whole: 20,
  what: 'two processes, and a third that is killed, share one store and one folder',
  run: async ({ count, random, note }: StormOptions): Promise<Outcome> => {
    requireCli();
    const folder = await mkdtemp(join(tmpdir(), 'gorp-storm-'));
    const hub = await startLocalHub();
    hub.push(REPO, await readModel());
    const problems: string[] = [];
    let refused = 0;
    try {
      for (let i = 1; i <= count; i++) {
        const env = { GORP_WEB_CACHE: join(folder, `store-${i}`), HF_ENDPOINT: hub.endpoint };
        const out = join(folder, `out-${i}`);
        const killed = { milliseconds: LIFE * random(), env };
        const say = (what: string): number => problems.push(`${i}: ${what}`);
        const fetch = ['models', 'fetch', REPO];
        const fetched = await Promise.all([live(fetch, { env }), live(fetch, { env }), live(fetch, killed)]);
        for (const { exit, stderr } of fetched.slice(0, 2)) if (exit !== 0) say(`fetch: exit ${exit}, ${stderr}`);
        const verified = await live(['models', 'verify', REPO], { env });
        if (verified.exit !== 0) say(`the downloaded model is damaged: ${verified.stderr}`);

        const train = [...TRAIN, '--out', out];
        const trained = await Promise.all([live(train, { env }), live(train, { env }), live(train, killed)]);
        for (const { exit, stderr } of trained) {
          if (exit === 3 && stderr.includes('run/out-is-busy')) refused++;
          else if (exit !== 0 && exit !== null) say(`train: exit ${exit}, ${stderr}`);
        }
        const last = await live(train, { env });
        if (last.exit !== 0) say(`train, without others: exit ${last.exit}, ${last.stderr}`);
        const results = v.parse(ResultsSchema, JSON.parse(await readFile(join(out, 'results.json'), 'utf8')));
        if (results.status !== 'finished') say(`the run is ${results.status}`);
        const left = (await readdir(out, { recursive: true })).filter((name) =>
          /\.partial|\.replaced|\.lock|checkpoints/.test(name),
        );
        if (left.length > 0) say(`${left.join(', ')} left`);
        note(`${i}: ${[...fetched, ...trained, last].map(({ exit }) => exit ?? 'killed').join(' ')}`);
      }
    } finally {
      await hub.close();
      await rm(folder, { recursive: true, force: true });
    }
    const figures = `every store held the whole model, every folder one finished run; ${refused} processes were refused because another was writing there`;
    return { figures, problems };
  },
};
