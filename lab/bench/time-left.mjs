// How right the time left is that a run tells from its second round on, as a table (docs/speed.md):
//   node lab/bench/time-left.mjs [--beside] [--smollm2 FOLDER] [NAME…]
// `--beside` has another program take a core meanwhile. Estimates within the last twentieth of a run are not counted.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { values, positionals } = parseArgs({
  options: { beside: { type: 'boolean', default: false }, smollm2: { type: 'string' } },
  allowPositionals: true,
});

const few = ['--set', 'training.trainExamples=64', '--set', 'training.testExamples=40', '--set', 'training.epochs=2'];
const small = ['--set', 'training.trainExamples=16', '--set', 'training.testExamples=8', '--set', 'training.epochs=2'];
const RUNS = {
  't5-cpu': ['--model', 'embedded', '--device', 'cpu'],
  't5-gpu': ['--model', 'embedded', '--device', 'gpu', ...few],
  'llama-cpu': ['--model', 'embedded-llama', '--device', 'cpu'],
  'llama-gpu': ['--model', 'embedded-llama', '--device', 'gpu', ...few],
  ...(values.smollm2 && {
    'smollm2-cpu': ['--model', values.smollm2, '--order', 'gloss,field,people', '--device', 'cpu', ...small],
  }),
};

/** Whether an estimate is within 30 % of what was left, either way. */
const isRight = (ratio) => ratio <= 1.3 && ratio >= 1 / 1.3;

async function measured(args) {
  const run = spawn(process.execPath, ['tools/run.mjs', 'src/cli/main.ts', 'train', '--json', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told = [];
  let total;
  for await (const line of createInterface({ input: run.stdout })) {
    const event = JSON.parse(line);
    if (event.type === 'progress' && event.timeLeft && event.round > 1) told.push(event);
    if (event.type === 'finished') total = event.seconds;
  }
  if (total === undefined) throw new Error(`${args.join(' ')} did not finish`);
  const counted = told
    .map(({ seconds, timeLeft }) => ({ ...timeLeft, left: total - seconds }))
    .filter(({ left }) => left > 0.05 * total);
  const ratios = counted.map(({ seconds, left }) => seconds / left).sort((a, b) => a - b);
  const share = (holds) => `${Math.round((100 * counted.filter(holds).length) / counted.length)} %`;
  const [lowest, median, highest] = [0, ratios.length >> 1, ratios.length - 1].map((i) => ratios[i].toFixed(2));
  return [
    `${total.toFixed(0)} s`,
    counted.length,
    share(({ seconds, left }) => isRight(seconds / left)),
    `${median} (${lowest} to ${highest})`,
    share(({ least, most, left }) => least <= left && left <= most),
  ];
}

const other = values.beside ? spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }) : undefined;
try {
  console.log('| run | took | estimates | within 30 % | told / left, median (all) | left in the range told |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const [name, args] of Object.entries(RUNS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    console.log(`| ${[name, ...(await measured(args))].join(' | ')} |`);
  }
} finally {
  other?.kill();
}
