import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { ResultsSchema } from '../../src/run/results/results.ts';
import { startLocalHub } from '../../src/testing/local-hub.ts';
import { live, requireCli } from './cli.ts';
import { readModel, REPO } from './download.ts';
import type { Outcome, Storm, StormOptions } from './storm.ts';

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
