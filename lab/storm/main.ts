import { parseArgs } from 'node:util';
import { mixSeed, seededRandom } from '../../src/base/random.ts';
import { reloads } from './browser.ts';
import { crashes } from './crashes.ts';
import { disk } from './disk.ts';
import { kills, processes } from './kills.ts';
import { mutations } from './mutations.ts';
import { server } from './server.ts';
import type { Storm } from './storm.ts';

/** All storms by name. */
const STORMS: Readonly<Record<string, Storm>> = {
  kills,
  crashes,
  reloads,
  processes,
  disk,
  server,
  mutations,
};

const USAGE = `Usage: npm run test:storm -- [STORM…] [--size SHARE] [--seed N]

Storms: ${Object.keys(STORMS).join(', ')}; default: all.

  --size SHARE   of the faults of a full storm; default 1, which takes hours. 0.05 takes minutes
  --seed N       draws the faults; default 1`;

/** Runs storms, one after another, and prints a row of the table for each. @returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      size: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  const [size, seed] = [Number(values.size), Number(values.seed)];
  const names = positionals.length === 0 ? Object.keys(STORMS) : positionals;
  if (values.help || !(size > 0) || !Number.isInteger(seed) || names.some((name) => !Object.hasOwn(STORMS, name))) {
    console.error(USAGE);
    return values.help ? 0 : 2;
  }
  let problems = 0;
  for (const name of names) {
    const storm = STORMS[name];
    const random = seededRandom(mixSeed(seed, name));
    const begun = performance.now();
    const note = (text: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${name}: ${text}`);
    const count = Math.max(1, Math.round(storm.whole * size));
    const outcome = await storm.run({ count, random: () => random.next(), note });
    problems += outcome.problems.length;
    for (const problem of outcome.problems) note(`PROBLEM ${problem}`);
    const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
    console.log(`| ${storm.what} | ${count} | ${outcome.figures} | ${outcome.problems.length} | ${minutes} min |`);
  }
  return problems === 0 ? 0 : 1;
}
