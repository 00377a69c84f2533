import type { ByPrompt, TrainedChanges } from '../weights/exports/merge.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { type AdaptersByPrompt, transposed } from './graph-weights.ts';

/** Begins the names of the tensors of adapters and gates, which differ from round to round. */
const GATED = 'gated/';
export const isOfGates = (tensor: string): boolean => tensor.startsWith(GATED);

/**
 * Adapters with gates in a graph (docs/method.md, eq. (31)): they stay separate, since their gates depend on the prompt.
 * Their weights are f32 in every export; they are small.
 */
export class GatedAdapters implements AdaptersByPrompt {
  readonly #g: GraphBuilder;
  readonly #trained: TrainedChanges;
  /** Of the numbers: `width` of a gate's hidden layer, `sharpness` and `epsilon` of its score. */
  readonly #gates: ByPrompt;
  /** How much every inner dimension of an adapter counts, [B, 1, R]. */
  #factors: Value | undefined;

  constructor(g: GraphBuilder, trained: TrainedChanges, gates: ByPrompt) {
    this.#g = g;
    this.#trained = trained;
    this.#gates = gates;
  }

  /** Number of gates. */
  get count(): number {
    return this.#gates.tasks;
  }

  /** The gates of prompts, [B, 1, gates]. @param means [B, 1, D]. */
  compute(means: Value, D: number): Value {
    const g = this.#g;
    const { tasks: n, numbers } = this.#gates;
    const { width, epsilon, sharpness } = numbers;
    // All gates one after another: [tasks · width, D], [tasks · D, width], [tasks, D].
    const read = (part: 'first' | 'second' | 'key'): Promise<Float32Array> => this.#gates.read(`gate/${part}`);
    const silu = (x: Value): Value => g.node('Mul', [x, g.node('Sigmoid', [x])]);
    const first = g.weight(`${GATED}first`, 'f32', [D, n * width], async () =>
      transposed(await read('first'), n * width, D),
    );
    const hidden = silu(g.node('MatMul', [means, first])); // [B, 1, n · width]
    const apart = g.node('Reshape', [hidden, g.ints(0, n, 1, width)]); // [B, n, 1, width]
    const second = g.weight(`${GATED}second`, 'f32', [1, n, width, D], async () => {
      const [all, size] = [await read('second'), D * width];
      const into = new Float32Array(all.length);
      for (let at = 0; at < all.length; at += size) into.set(transposed(all.slice(at, at + size), D, width), at);
      return into;
    });
    const last = silu(g.node('MatMul', [apart, second])); // [B, n, 1, D]
    const ones = g.weight(`${GATED}ones`, 'f32', [D], () => Promise.resolve(new Float32Array(D).fill(1)));
    const unit = g.node('SimplifiedLayerNormalization', [last, ones], {
      axis: -1,
      epsilon: { float: epsilon },
      stash_type: 1,
    }); // of length √D
    const keys = g.weight(`${GATED}keys`, 'f32', [1, n, D, 1], async () =>
      scoringKeys(await read('key'), D, sharpness),
    );
    const sigmoid = g.node('Sigmoid', [g.node('MatMul', [unit, keys])]); // [B, n, 1, 1]
    const gates = g.node('Abs', [g.node('Sub', [g.node('Mul', [sigmoid, g.float(2)]), g.float(1)])]);
    return g.node('Reshape', [gates, g.ints(0, 1, n)]);
  }

  /** Sets the gates of this graph's prompts, [B, 1, gates], before any layer. */
  open(gates: Value): void {
    const { tasks, rank } = this.#gates;
    const blocks = this.#g.weight(`${GATED}blocks`, 'f32', [tasks, tasks * rank], () => {
      const ones = new Float32Array(tasks * tasks * rank);
      for (let task = 0; task < tasks; task++) {
        const begin = task * (tasks + 1) * rank;
        ones.fill(1, begin, begin + rank);
      }
      return Promise.resolve(ones);
    });
    this.#factors = this.#g.node('MatMul', [gates, blocks]);
  }

  /** y + the adapters of a layer, if it has any; x [B, T, inputs], y [B, T, out]. */
  add(layer: string, x: Value, y: Value, { out, inputs }: { out: number; inputs: number }): Value {
    const { changed, changes } = this.#trained;
    if (!changed.has(layer)) return y;
    const g = this.#g;
    if (this.#factors === undefined) throw new Error(`the gates of ${layer} are not computed`);
    const R = this.#gates.tasks * this.#gates.rank;
    const part = async (which: 'A' | 'B'): Promise<Float32Array> => {
      const pair = await changes.adapter(layer);
      if (pair === undefined) throw new Error(`${layer} has no adapter`);
      return pair[which];
    };
    const A = g.weight(`${GATED}${layer}.A`, 'f32', [inputs, R], async () => transposed(await part('A'), R, inputs));
    const B = g.weight(`${GATED}${layer}.B`, 'f32', [R, out], async () =>
      transposed(await part('B'), out, R).map((value) => value * changes.scaling),
    );
    const counted = g.node('Mul', [g.node('MatMul', [x, A]), this.#factors]); // [B, T, R]
    return g.node('Add', [y, g.node('MatMul', [counted, B])]);
  }
}

/** Keys whose product with a vector of length √D is the score; a key of 0 scores 0. */
function scoringKeys(keys: Float32Array, D: number, sharpness: number): Float32Array {
  return keys.map((value, at) => {
    const key = keys.subarray(Math.floor(at / D) * D, (Math.floor(at / D) + 1) * D);
    const length = Math.sqrt(key.reduce((sum, one) => sum + one * one, 0));
    return length > 0 ? (sharpness * value) / (length * Math.sqrt(D)) : 0;
  });
}
