import { spawn } from 'node:child_process';
import { digits, markdownTable } from '../../../src/base/markdown.ts';
import type { PartReport } from '../../../src/bench/bench.ts';
import { EMBEDDED_STEPS, KERNEL_PARTS, MODEL_PARTS, omit, type Part } from '../../../src/bench/benchmark-parts.ts';
import { nodeHost } from '../../../src/cli/host.ts';
import type { RunEvent } from '../../../src/run/events/events.ts';
import { embeddedSettings, type PresetName } from '../../../src/run/planning/presets.ts';
import { Run } from '../../../src/run/run.ts';
import { type BenchPlace, tunedDevice } from '../bench.ts';
import { nodePlace } from '../node-place.ts';
import script from './peer.py?raw';

/** Learns the embedded tasks by `gorp` as the page's preset does, tests included, on a device that is new to it. */
async function learnEmbeddedOrder(place: BenchPlace, preset: PresetName): Promise<PartReport> {
  const events: RunEvent[] = [];
  const host = {
    ...nodeHost({ device: 'gpu' }),
    acquireDevice: async () => ({ device: await tunedDevice(place), why: 'asked' as const }),
    emit: (event: RunEvent) => void events.push(event),
  };
  const run = new Run(host, embeddedSettings(preset, 'gorp'));
  await run.execute();
  const last = events.at(-1);
  if (last?.type !== 'finished' || run.results === null)
    throw new Error(last?.type === 'failed' ? last.error.message : 'the run has not ended');
  const { seconds, curves, accuracy, measures, tasks } = run.results;
  const memory = events.filter((event) => event.type === 'memory').at(-1)?.peakBytes ?? null;
  const end = accuracy.ranked.at(-1) ?? [];
  const rows = tasks.map(({ name }, task) => [name, ...[end[task]].map((value) => digits(value))]);
  return {
    numbers: { preset, seconds, steps: curves.loss.length, losses: curves.loss, accuracy, measures, peakBytes: memory },
    headline: `Preset \`${preset}\`: ${tasks.length} tasks in ${digits(seconds)} s, ${curves.loss.length} steps, tests included; last loss ${digits(curves.loss.at(-1) ?? null)}`,
    text: markdownTable(['task', 'accuracy at the end'], rows),
  };
}

/** The numbers that `peer.py` prints. Milliseconds. */
interface PeerNumbers {
  readonly torch: string;
  readonly device: string;
  readonly products: readonly { readonly sizes: readonly number[]; readonly ms: number; readonly gflops: number }[];
  readonly block: number;
  readonly t5SmallLora: number;
}

const PYTHONS = ['python3', 'python'];
const LIMIT_MS = 120_000;

/** Measures this work in PyTorch. @returns undefined where no Python has it. @throws Error with what Python printed. */
async function measurePyTorch(): Promise<PartReport | undefined> {
  for (const python of PYTHONS) {
    const { code, out, error } = await run(python);
    if (code === 0) return reportOf(JSON.parse(out) as PeerNumbers);
    if (code !== null && code !== NOT_INSTALLED) throw new Error(error.trim().split('\n').at(-1));
  }
  return undefined;
}

/** The exit code of `peer.py` without PyTorch. */
const NOT_INSTALLED = 3;

/** @returns code null if there is no such program. */
function run(python: string): Promise<{ code: number | null; out: string; error: string }> {
  return new Promise((resolve) => {
    const child = spawn(python, ['-'], { timeout: LIMIT_MS });
    let [out, error] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (out += text.toString()));
    child.stderr.on('data', (text: Buffer) => (error += text.toString()));
    child.on('error', () => resolve({ code: null, out, error }));
    child.on('close', (code, signal) => {
      if (signal) error += `\n${python} took more than ${LIMIT_MS / 1e3} s`;
      resolve({ code: code ?? 1, out, error });
    });
    child.stdin.on('error', () => undefined); // it has ended before it read
    child.stdin.end(script);
  });
}

function reportOf(numbers: PeerNumbers): PartReport {
  const { torch, device, products, block, t5SmallLora } = numbers;
  const rows = [
    ...products.map(({ sizes, ms, gflops }) => [
      `x Wᵀ, ${sizes.join(' × ')} (M × K × N)`,
      digits(ms),
      `${digits(gflops)} GFLOP per second`,
    ]),
    ['step of the encoder block', digits(block), ''],
    ['step of t5-small, LoRA', digits(t5SmallLora), ''],
  ];
  return { numbers, headline: `PyTorch ${torch}, ${device}`, text: markdownTable(['', 'ms', ''], rows) };
}

const EMBEDDED_ORDER = 'embedded model';

/** All parts, in the order in which they run: if time runs out, the last ones are left out. */
const partsOn = (isSoftware: boolean): readonly Part[] => [
  ...KERNEL_PARTS,
  { name: EMBEDDED_ORDER, run: () => learnEmbeddedOrder(nodePlace, isSoftware ? 'quick' : 'full') },
  EMBEDDED_STEPS,
  { name: 'PyTorch', run: measurePyTorch },
  ...MODEL_PARTS,
];

export const PART_NAMES: readonly string[] = partsOn(false).map(({ name }) => name);

/**
 * Parts whose name contains a text.
 *
 * @param isSoftware whether the adapter computes on the CPU: then only the embedded order runs, unless `runsAll`.
 */
export const partsFor = (text: string, isSoftware: boolean, runsAll: boolean): readonly Part[] =>
  partsOn(isSoftware)
    .filter(({ name }) => name.includes(text))
    .map((part) =>
      isSoftware && !runsAll && part.name !== EMBEDDED_ORDER ? omit(part, 'the adapter computes on the CPU') : part,
    );
