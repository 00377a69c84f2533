import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { platformName } from '../../src/cli/platform.ts';
import { tunedDevice } from '../bench.ts';
import { nodePlace } from '../node-place.ts';
import { PARTS, type Part } from './parts.ts';

declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;

const MINUTES = 10;

const USAGE = `node bench.mjs [--out FOLDER] [--only TEXT] [--minutes N] [--all]
  --out      where results.json and results.md go (default: the current folder)
  --only     parts whose name contains the text
  --minutes  no part starts later than this (default: ${MINUTES})
  --all      every part, also on an adapter that computes on the CPU, where some take hours
Parts: ${PARTS.map(({ name }) => name).join('; ')}`;

/** How a part ended. */
type Outcome =
  | {
      readonly name: string;
      readonly status: 'measured';
      readonly seconds: number;
      readonly numbers: unknown;
      readonly text: string;
    }
  | { readonly name: string; readonly status: 'failed' | 'not run'; readonly reason: string };

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
  const code = { version: __APP_VERSION__, commit: __APP_COMMIT__ };
  const head = { date: new Date().toISOString(), code, platform: platformName(), adapter: facts };
  const title = `# ${facts.description || facts.vendor}\n\n${head.platform}, gorp-web ${code.version} (${code.commit}), ${head.date}`;
  console.log(title);
  const outcomes: Outcome[] = [];
  const end = performance.now() + minutes * 60_000;
  for (const part of PARTS.filter(({ name }) => name.includes(values.only))) {
    const outcome = await outcomeOf(part, { isSoftware: facts.software, runsAll: values.all, end });
    outcomes.push(outcome);
    console.log(`\n${textOf(outcome)}`);
    // After each part, so that a crash of the driver loses only the part that it happens in.
    await writeFile(join(out, 'results.json'), `${JSON.stringify({ ...head, parts: outcomes }, null, 2)}\n`);
    await writeFile(join(out, 'results.md'), `${[title, ...outcomes.map(textOf)].join('\n\n')}\n`);
  }
  console.log(`\nResults in ${join(out, 'results.json')} and results.md`);
  return outcomes.some(({ status }) => status === 'failed') ? 1 : 0;
}

async function outcomeOf(
  { name, onSoftware, run }: Part,
  { isSoftware, runsAll, end }: { isSoftware: boolean; runsAll: boolean; end: number },
): Promise<Outcome> {
  const notRun = (reason: string): Outcome => ({ name, status: 'not run', reason });
  if (isSoftware && !onSoftware && !runsAll) return notRun('the adapter computes on the CPU');
  if (performance.now() > end) return notRun('the time was over');
  const start = performance.now();
  try {
    const report = await run(nodePlace, isSoftware);
    if (report === undefined) return notRun('it is not installed');
    const { numbers, text } = report;
    return { name, status: 'measured', seconds: (performance.now() - start) / 1e3, numbers, text };
  } catch (thrown) {
    return { name, status: 'failed', reason: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

function textOf(outcome: Outcome): string {
  if (outcome.status !== 'measured') return `## ${outcome.name}: ${outcome.status}\n\n${outcome.reason}`;
  return `## ${outcome.name}\n\n${outcome.text}`;
}
