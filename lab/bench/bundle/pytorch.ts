import { spawn } from 'node:child_process';
import type { PartReport } from '../../../src/bench/bench.ts';
import { digits, markdownTable } from '../../../src/base/markdown.ts';
import script from './peer.py?raw';

/** What `peer.py` prints. Milliseconds. */
interface PeerNumbers {
  readonly torch: string;
  readonly device: string;
  readonly products: readonly { readonly sizes: readonly number[]; readonly ms: number; readonly gflops: number }[];
  readonly block: number;
  readonly t5SmallLora: number;
}

const PYTHONS = ['python3', 'python'];
const LIMIT_MS = 120_000;

/** The same work in PyTorch. @returns undefined where no Python has it. @throws Error with what Python printed. */
export async function measurePyTorch(): Promise<PartReport | undefined> {
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
