import { markdownTable } from '../base/markdown.ts';
import { mixSeed, seededRandom } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import { pack, type Packing, PACKINGS, unpack } from '../device/packing.ts';
import { Graph, type Numbers } from '../graph/graph.ts';
import { runOnCpu, runOnDevice } from '../graph/on-device.ts';
import { attention } from '../graph/ops/attention.ts';
import { crossEntropy } from '../graph/ops/cross-entropy.ts';
import { activation, add, gatedActivation } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { rmsNorm } from '../graph/ops/norm.ts';
import { type DataType, sizeOf, type Tensor } from '../graph/tensor.ts';
import type { Bench, PartReport } from './bench.ts';

/** A graph whose inputs are random numbers. */
class RandomGraph {
  readonly graph = new Graph();
  readonly values = new Map<Tensor, Numbers>();

  /** An input of numbers in [-1, 1); trainable unless packed, so that its gradient is compared too. */
  input(name: string, shape: readonly number[], packing?: Packing): Tensor {
    const random = seededRandom(mixSeed(7, name));
    const plain = this.graph.persistent(name, shape, { trainable: packing === undefined });
    const tensor: Tensor = packing ? { ...plain, packing } : plain;
    const data = Float32Array.from({ length: sizeOf(shape) }, () => 2 * random.next() - 1);
    this.values.set(tensor, Float64Array.from(packing ? unpack(pack(data, packing), packing, data.length) : data));
    return tensor;
  }

  /** Given values, without a gradient. */
  given(name: string, shape: readonly number[], values: readonly number[], dtype: DataType = 'f32'): Tensor {
    const tensor = this.graph.persistent(name, shape, { dtype });
    const arrays = { f32: Float64Array, i32: Int32Array, u32: Uint32Array };
    this.values.set(tensor, arrays[dtype].from(values));
    return tensor;
  }

  /** The output and the gradients of Σ probe · output with respect to all trainable inputs. */
  roots(output: Tensor): Tensor[] {
    const g = this.graph;
    const probe = this.input('probe', output.shape);
    const one = this.given('one', [1], [1]);
    const loss = g.intermediate('probe loss', [1]);
    g.record({
      name: 'probe',
      inputs: [output],
      outputs: [loss],
      calls: () => [],
      reference: () => undefined,
      gradient: () => [probe],
    });
    const gradients = g.backward(loss, one, (a, b) => add(g, a, b));
    return [output, ...gradients.values()];
  }
}

interface Case {
  readonly name: string;
  readonly build: (graph: RandomGraph) => Tensor;
}

const PRODUCT = { M: 65, N: 132, K: 260 } as const;
const { M, N, K } = PRODUCT;

const product = (layout: 'nt' | 'nn' | 'tn', packing?: Packing): Case => ({
  name: `${layout} ${M} × ${K} × ${N}${packing ? `, ${packing}` : ''}`,
  build: (r) => {
    const a = r.input('a', layout === 'tn' ? [K, M] : [M, K]);
    const b = r.input('b', layout === 'nt' ? [N, K] : [K, N], packing);
    return matmul(r.graph, a, b, { layout });
  },
});

/** Attention of two rows that share a beginning. */
const attended = (name: string, keyHeads: number, causal: boolean, d: number): Case => ({
  name,
  build: (r) => {
    const [shared, heads] = [7, 4];
    const [first, N] = [22, 38];
    const q = r.input('q', [1, N, heads * d]);
    const [k, v] = ['k', 'v'].map((one) => r.input(one, [1, N, keyHeads * d]));
    const row = (begin: number, end: number): number[] => [begin, end - begin, begin, end - begin, shared, 1];
    const beginning = [0, shared, 0, shared, 0, 0];
    const spans = r.given('spans', [3, 6], [...beginning, ...row(shared, first), ...row(first, N)], 'u32');
    const distances = 2 * N - 1;
    const values = Array.from({ length: heads * distances }, (_, i) => Math.sin(i));
    const bias = causal ? undefined : r.given('bias', [heads, distances], values);
    return attention(r.graph, { q, k, v, spans, bias, heads, keyHeads, scale: 1 / Math.sqrt(d), causal });
  },
});

const CASES: readonly Case[] = [
  ...(['nt', 'nn', 'tn'] as const).map((layout) => product(layout)),
  ...PACKINGS.flatMap((packing) => (['nt', 'nn'] as const).map((layout) => product(layout, packing))),
  { name: 'RMS norm', build: (r) => rmsNorm(r.graph, r.input('x', [33, 260]), r.input('w', [260]), 1e-6) },
  attended('attention with bias, d 64', 4, false, 64),
  attended('causal attention, 4 heads on 2, d 64', 2, true, 64),
  attended('causal attention, d 128', 4, true, 128),
  { name: 'ReLU', build: (r) => activation(r.graph, 'relu', r.input('x', [33, 65])) },
  {
    name: 'gated SiLU',
    build: (r) => gatedActivation(r.graph, 'silu', r.input('x', [33, 65]), r.input('u', [33, 65])),
  },
  {
    name: 'cross-entropy over 1031',
    build: (r) => {
      const rows = 9;
      const projection = { x: r.input('x', [1, rows, 64]), head: r.input('head', [1031, 64]), alpha: 1 };
      const labels = r.given(
        'labels',
        [rows],
        Array.from({ length: rows }, (_, i) => (i === 4 ? -100 : 97 * i)),
        'i32',
      );
      return crossEntropy(r.graph, projection, labels, r.given('weight', [rows], new Array<number>(rows).fill(1 / 8)));
    },
  },
];

// Largest difference over the largest value that rounding explains.
const TOLERANCE = 1e-4;

/** Compares the kernels that a device chooses, gradients included, with their plain references in f64. */
export async function compareWithReferences({ open }: Bench): Promise<PartReport> {
  const device = await open();
  try {
    return await compareOn(device);
  } finally {
    await device.destroy();
  }
}

async function compareOn(device: Device): Promise<PartReport> {
  const found = [];
  for (const { name, build } of CASES) {
    const random = new RandomGraph();
    const roots = random.roots(build(random));
    const expected = runOnCpu(random.graph, random.values);
    const actual = await runOnDevice(device, random.graph, random.values, roots);
    const errors = roots.map((tensor) => differenceOf(actual.get(tensor) ?? [], expected(tensor)));
    const error = Math.max(...errors);
    found.push({ name, error, isRight: error <= TOLERANCE });
  }
  const rows = found.map(({ name, error, isRight }) => [name, error.toExponential(1), isRight ? 'right' : '**wrong**']);
  const right = found.filter(({ isRight }) => isRight).length;
  const largest = Math.max(...found.map(({ error }) => error));
  return {
    numbers: { tolerance: TOLERANCE, found },
    headline: `${right} of ${found.length} right, largest error ${largest.toExponential(1)}`,
    text: markdownTable(['kernels', 'error', ''], rows),
  };
}

/** Largest difference over the largest value; infinite where a value is not a number. */
function differenceOf(actual: ArrayLike<number>, expected: Numbers): number {
  let [difference, largest] = [0, Number.MIN_VALUE];
  for (let i = 0; i < actual.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    if (!Number.isFinite(actual[i])) return Infinity;
    difference = Math.max(difference, Math.abs(actual[i] - expected[i]));
  }
  return difference / largest;
}
