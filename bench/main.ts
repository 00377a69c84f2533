import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { acquireNodeGpu } from '../src/cli/node-gpu.ts';
import { fileTuningStore } from '../src/cli/tuning-store.ts';
import { tuneGpu } from '../src/gpu/tune.ts';
import { nodeClock } from './clock.ts';
import { benchBlock, type BlockResult } from './sections/block.ts';
import { benchMatmul, MATMUL_SIZES, type MatmulResult } from './sections/matmul.ts';
import { markdownTable } from './table.ts';

const USAGE = `npm run bench -- [--only matmul,block] [--quick] [--out FILE]
  --only   sections to run (default: all)
  --quick  one shape and one round
  --out    where the numbers go as JSON (default: build/bench/results.json)`;

const digits = (value: number): string => value.toFixed(value >= 100 ? 0 : 1);

/** Measures kernels and training steps on the adapter that Dawn finds, prints tables and writes JSON. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: 'matmul,block' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string', default: join('build', 'bench', 'results.json') },
      help: { type: 'boolean', default: false },
    },
  });
  const sections = values.only.split(',');
  if (values.help || sections.some((section) => section !== 'matmul' && section !== 'block')) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const gpu = await acquireNodeGpu();
  console.log(`${gpu.facts.description || gpu.facts.vendor}, Dawn in Node ${process.versions.node}`);
  const tuning = { store: fileTuningStore(), platform: `Node ${process.versions.node}` };
  await tuneGpu(gpu, { ...tuning, now: () => performance.now() });
  const rounds = values.quick ? 1 : 5;
  const results: { adapter: typeof gpu.facts; matmul: MatmulResult[]; block: BlockResult | null } = {
    adapter: gpu.facts,
    matmul: [],
    block: null,
  };
  if (sections.includes('matmul')) {
    for (const sizes of values.quick ? MATMUL_SIZES.slice(0, 1) : MATMUL_SIZES) {
      for (const layout of ['nt', 'nn', 'tn'] as const) {
        const result = await benchMatmul(gpu, nodeClock, layout, sizes, rounds);
        results.matmul.push(result);
        printMatmul(result);
      }
    }
  }
  if (sections.includes('block')) {
    results.block = await benchBlock(gpu, nodeClock, rounds);
    printBlock(results.block);
  }
  gpu.check();
  const out = resolve(values.out);
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nnumbers in ${out}`);
  return 0;
}

function printMatmul({ layout, sizes, chosen, timings }: MatmulResult): void {
  const flops = 2 * sizes[0] * sizes[1] * sizes[2];
  console.log(`\n## ${layout}, ${sizes.join(' × ')} (M × K × N)\n`);
  const rows = timings.map(({ name, wallMedian, wallMin, cpuMedian, first }) => [
    name === chosen ? `${name} (chosen)` : name,
    ...[wallMedian, wallMin, cpuMedian, flops / cpuMedian / 1e6, first].map(digits),
  ]);
  console.log(markdownTable(['kernel', 'ms median', 'ms min', 'CPU ms', 'GFLOP per CPU s', 'first ms'], rows));
}

function printBlock({ losses, first, calls, peakBytes, timings }: BlockResult): void {
  console.log('\n## Encoder block: batch 8, sequence 64, d 256, 4 heads, feed-forward 1024\n');
  const rows = timings.map(({ name, wallMedian, wallMin, cpuMedian }) => [
    name,
    ...[wallMedian, wallMin, cpuMedian].map(digits),
  ]);
  console.log(markdownTable(['', 'ms median', 'ms min', 'CPU ms'], rows));
  console.log(
    `\n${calls.dispatches} dispatches, ${calls.passes} pass, ${calls.submits} submits a step (one of them reads the loss); ` +
      `first step ${digits(first)} ms; peak ${digits(peakBytes / 2 ** 20)} MiB; losses ${losses.map((l) => l.toFixed(5)).join(' ')}`,
  );
}
