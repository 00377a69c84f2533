import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { reportOf } from '../base/errors.ts';
import { METHOD_NAMES, type MethodName } from '../gorp/method-settings.ts';
import type { RunEvent } from '../run/events.ts';
import { embeddedSettings } from '../run/presets.ts';
import type { Results } from '../run/results.ts';
import { Run } from '../run/run.ts';
import { nodeHost } from './node-host.ts';
import { studyTable } from './study-table.ts';

const USAGE = `Trains the embedded order with several methods and seeds, one run after another.

  npm run study -- [--methods seq-lora,gorp,gorp-plus] [--seeds 1,2,3] [--preset full] [--out build/study]

Writes OUT/results.json (all runs) and OUT/table.md (means and R matrices).
Methods: ${METHOD_NAMES.join(', ')}.`;

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

declare const __APP_VERSION__: string;
declare const __APP_COMMIT__: string;

/** `npm run study`. @returns exit code: 0, 1 when a run failed, 2 for wrong usage. */
export async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  const all: Results[] = [];
  for (const method of options.methods) {
    for (const seed of options.seeds) {
      const results = await runOnce(method, seed, options.preset);
      if (results === undefined) return 1;
      all.push(results);
      // After every run, so that a study that is ended early leaves what it found.
      await mkdir(options.out, { recursive: true });
      await writeFile(join(options.out, 'results.json'), JSON.stringify(all));
      await writeFile(join(options.out, 'table.md'), studyTable(all));
    }
  }
  console.log(studyTable(all));
  return 0;
}

function readOptions(
  args: string[],
): { methods: MethodName[]; seeds: number[]; preset: 'full' | 'quick'; out: string } | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        methods: { type: 'string', default: 'seq-lora,gorp,gorp-plus' },
        seeds: { type: 'string', default: '1,2,3' },
        preset: { type: 'string', default: 'full' },
        out: { type: 'string', default: 'build/study' },
      },
    });
    const methods = values.methods.split(',').map((name) => METHOD_NAMES.find((known) => known === name));
    const seeds = values.seeds.split(',').map(Number);
    const { preset, out } = values;
    if (methods.includes(undefined) || !seeds.every(Number.isInteger)) return undefined;
    if (preset !== 'full' && preset !== 'quick') return undefined;
    return { methods: methods.filter((name) => name !== undefined), seeds, preset, out };
  } catch {
    return undefined;
  }
}

/** @returns undefined when the run failed; the reason is on the terminal. */
async function runOnce(method: MethodName, seed: number, preset: 'full' | 'quick'): Promise<Results | undefined> {
  const settings = embeddedSettings(preset, method);
  settings.training.seed = seed;
  let results: Results | undefined;
  const emit = (event: RunEvent): void => {
    if (event.type === 'evaluation' && event.round > 0) {
      const score = `exact ${event.exact.toFixed(3)} ranked ${event.ranked.toFixed(3)}`;
      console.log(`${method} seed ${seed} round ${event.round} ${settings.order[event.task]}: ${score}`);
    } else if (event.type === 'warning') console.log(event.message);
    else if (event.type === 'finished') results = event.results;
    else if (event.type === 'failed') {
      const { code, message, nextStep } = event.error;
      console.error(`${code}: ${message} ${nextStep}`);
    }
  };
  const folders = {
    model: join(root, 'public', 'embedded', 'model'),
    tasks: join(root, 'public', 'embedded', 'tasks'),
  };
  try {
    await new Run(nodeHost(folders, { version: __APP_VERSION__, commit: __APP_COMMIT__ }, emit), settings).execute();
  } catch (error) {
    console.error(reportOf(error).message);
  }
  if (results) console.log(`${method} seed ${seed}: ${results.seconds.toFixed(0)} s`);
  return results;
}
