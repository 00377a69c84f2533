import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureParts } from '../../../src/bench/benchmark-parts.ts';
import {
  type BenchHead,
  type BenchReport,
  outcomeText,
  reportJson,
  reportText,
  titleText,
} from '../../../src/bench/report.ts';
import { platformName } from '../../../src/cli/machine.ts';
import { benchOf, tunedDevice } from '../bench.ts';
import { nodePlace } from '../node-place.ts';
import { PART_NAMES, partsFor } from './bundle-parts.ts';

declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;

const MINUTES = 10;

const USAGE = `node bench.mjs [--out FOLDER] [--only TEXT] [--minutes N] [--all]
  --out      where results.json and results.md go (default: the current folder)
  --only     parts whose name contains the text
  --minutes  no part starts later than this (default: ${MINUTES})
  --all      every part, also on an adapter that computes on the CPU, where some take hours
Parts: ${PART_NAMES.join('; ')}`;

/** Measures what a graphics card makes of gorp-web, and writes it as JSON and as Markdown. @returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      out: { type: 'string', default: '.' },
      only: { type: 'string', default: '' },
      minutes: { type: 'string', default: String(MINUTES) },
      all: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (values.help || !(minutes > 0)) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const out = resolve(values.out);
  await mkdir(out, { recursive: true });
  const device = await tunedDevice(nodePlace);
  const { facts } = device;
  await device.destroy();
  const head: BenchHead = {
    date: new Date().toISOString(),
    code: { version: __APP_VERSION__, commit: __APP_COMMIT__ },
    platform: platformName(),
    adapter: { ...facts, features: [...facts.features] },
  };
  console.log(titleText(head));
  const report: BenchReport = { ...head, parts: [] };
  const scope = { rounds: 3, smallProducts: false, chosenKernels: false };
  const limit = { end: performance.now() + minutes * 60_000, cutsOff: false };
  await measureParts(partsFor(values.only, facts.software, values.all), benchOf(nodePlace, scope), limit, {
    ended: async (outcome) => {
      report.parts.push(outcome);
      console.log(`\n${outcomeText(outcome)}`);
      // After each part, so that a crash of the driver loses only the part that it happens in.
      await writeFile(join(out, 'results.json'), reportJson(report));
      await writeFile(join(out, 'results.md'), reportText(report));
    },
  });
  console.log(`\nResults in ${join(out, 'results.json')} and results.md`);
  return report.parts.some(({ status }) => status === 'failed') ? 1 : 0;
}
