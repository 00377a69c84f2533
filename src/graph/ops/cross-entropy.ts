import template from '../../../shaders/cross-entropy.wgsl?raw';
import { matmulReference } from '../../device/matmul-reference.ts';
import { type MatmulShape, plainProduct } from '../../device/matmul-shape.ts';
import { flatWorkgroups, u32, type Workgroups } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { threadsOfRow, workgroupTree } from '../../device/tree.ts';
import type { Planner } from '../../device/planner.ts';
import type { Graph, KernelCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import { productCalls, productScratch } from './matmul.ts';

type Form = 'ROWS' | 'TOTAL' | 'GRADIENT' | 'ARGMAX' | 'CHOICES';

/** The kernels in WebAssembly. */
const ENTRIES: Readonly<Record<Form, string>> = {
  ROWS: 'crossEntropyRows',
  TOTAL: 'crossEntropyTotal',
  GRADIENT: 'crossEntropyGradient',
  ARGMAX: 'argMax',
  CHOICES: 'choiceLosses',
};
// Operations per element of a row in WebAssembly.
const COST = 20;

/** Rows of scores [rows, vocabulary], `row` elements apart; the first has index `first` in tensors of all rows. */
interface Scores {
  readonly rows: number;
  readonly vocabulary: number;
  readonly row: number;
  readonly first?: number;
}

function call(
  form: Form,
  scores: Scores,
  tensors: Tensor[],
  sharesRows = false,
  choices: readonly number[] = [],
): KernelCall {
  const { rows, vocabulary, row, first = 0 } = scores;
  const isPerRow = form === 'ROWS' || form === 'ARGMAX' || form === 'CHOICES';
  const threads = isPerRow ? threadsOfRow(vocabulary, sharesRows) : 64;
  const reads = threads > 64 ? 4 : 1;
  const together = isPerRow ? { type: 'vec3f', combine: 'together(a, b)' } : { type: 'f32' };
  const workgroups: Workgroups =
    form === 'TOTAL'
      ? [1, 1, 1]
      : form === 'GRADIENT'
        ? flatWorkgroups(rows * vocabulary, 64)
        : flatWorkgroups(rows, 1);
  return {
    kernel: {
      name: `cross-entropy/${form.toLowerCase()}-${threads}`,
      wgsl: () =>
        (form === 'GRADIENT' ? '' : workgroupTree({ name: 'combined', threads, ...together })) +
        fillTemplate(template, {
          THREADS: threads,
          READS: reads,
          ROWS: form === 'ROWS',
          TOTAL: form === 'TOTAL',
          GRADIENT: form === 'GRADIENT',
          ARGMAX: form === 'ARGMAX',
          CHOICES: form === 'CHOICES',
          PER_ROW: isPerRow,
          SUMS: form === 'ROWS' || form === 'CHOICES',
        }),
      wasm: { entry: ENTRIES[form] },
    },
    params: [rows, vocabulary, row, first, ...choices].map(u32),
    tensors,
    workgroups,
    units: form === 'TOTAL' ? 1 : rows,
    cost: COST * rows * vocabulary,
  };
}

/** Scores over a vocabulary, logits = alpha x headᵀ: x [..., D], head [V, D]. */
export interface Projection {
  readonly x: Tensor;
  readonly head: Tensor;
  readonly alpha: number;
}

/** Maximum bytes of logits in memory at once. */
const CHUNK_BYTES = 2 ** 25;

/** Some rows of the logits. */
interface Chunk {
  readonly first: number;
  readonly rows: number;
}

/** The logits of a projection in chunks of rows, so that those of a whole batch are never in memory. */
class ChunkedLogits {
  readonly rows: number;
  readonly columns: number;
  readonly vocabulary: number;
  /** Stride of the rows of logits: a multiple of four, so that products read four at once. */
  readonly row: number;
  readonly chunks: readonly Chunk[];

  constructor(
    readonly projection: Projection,
    chunkBytes: number,
  ) {
    const { x, head } = projection;
    [this.vocabulary, this.columns] = head.shape;
    this.rows = sizeOf(x.shape) / this.columns;
    this.row = Math.ceil(this.vocabulary / 4) * 4;
    const most = Math.max(1, Math.floor(chunkBytes / (this.row * 4)));
    const count = Math.ceil(this.rows / most);
    const size = Math.ceil(this.rows / count); // as equal as possible, since the largest takes the memory
    this.chunks = Array.from({ length: count }, (_, i) => ({
      first: i * size,
      rows: Math.min(size, this.rows - i * size),
    }));
  }

  /** Memory, in floats, for a pass over the chunks: the logits of one chunk, then the scratch of its products. */
  scratch(planner: Planner, forms: readonly ProductForm[]): number[] {
    const max = this.chunks[0]?.rows ?? 0;
    const products = this.chunks.flatMap((chunk) => forms.map((form) => form(chunk)));
    return [max * this.row, ...productScratch(products, planner)];
  }

  /** The logits of a chunk, for the kernels. */
  scores({ first, rows }: Chunk): Scores {
    return { rows, vocabulary: this.vocabulary, row: this.row, first };
  }

  /** logits = alpha x[chunk] headᵀ. */
  readonly forward = ({ first, rows }: Chunk): [shape: MatmulShape, b: Tensor] => {
    const { alpha, head } = this.projection;
    const window = { offsetA: first * this.columns, rowC: this.row };
    return [{ ...plainProduct('nt', rows, this.vocabulary, this.columns), alpha, window }, head];
  };

  /** The kernels of {@link forward}, into the memory of a chunk. */
  forwardCalls(chunk: Chunk, { logits, scratch }: ChunkMemory, planner: Planner): KernelCall[] {
    const [shape, b] = this.forward(chunk);
    return productCalls(shape, { a: this.projection.x, b, c: logits }, scratch, planner);
  }

  /** dx[chunk] = alpha dlogits head. */
  readonly toInput = ({ first, rows }: Chunk): [shape: MatmulShape, b: Tensor] => {
    const { alpha, head } = this.projection;
    const window = { rowA: this.row, offsetC: first * this.columns };
    return [{ ...plainProduct('nn', rows, this.columns, this.vocabulary), alpha, window }, head];
  };

  /** dhead += alpha dlogitsᵀ x[chunk]. */
  readonly toHead = ({ first, rows }: Chunk): [shape: MatmulShape, b: Tensor] => {
    const { alpha, x } = this.projection;
    const window = { rowA: this.row, offsetB: first * this.columns };
    const shape = plainProduct('tn', this.vocabulary, this.columns, rows);
    return [{ ...shape, alpha, accumulate: first > 0, window }, x];
  };
}

/** A product of a chunk and its second operand. */
type ProductForm = (chunk: Chunk) => [shape: MatmulShape, b: Tensor];

/** The memory of {@link ChunkedLogits.scratch}. */
interface ChunkMemory {
  readonly logits: Tensor;
  readonly scratch: readonly (Tensor | undefined)[];
}

function chunkMemory([logits, ...scratch]: readonly (Tensor | undefined)[]): ChunkMemory {
  if (logits === undefined) throw new Error('there is no memory for logits');
  return { logits, scratch };
}

/** Loss of each row, and the input of its gradient. */
export interface RowLosses {
  /** [rows]: −log p(label); 0 if the label is negative. */
  readonly loss: Tensor;
  readonly logSumExp: Tensor;
}

/**
 * Cross-entropy of each row of x. Labels i32 [...]; negative labels (−100) do not count.
 *
 * @param chunkBytes maximum bytes of logits in memory at once.
 */
export function rowLosses(g: Graph, projection: Projection, labels: Tensor, chunkBytes = CHUNK_BYTES): RowLosses {
  const { x, head } = projection;
  const chunked = new ChunkedLogits(projection, chunkBytes);
  const { rows, vocabulary, chunks } = chunked;
  const loss = g.intermediate('row losses', [rows]);
  const logSumExp = g.intermediate('log-sum-exp of logits', [rows]);
  g.record({
    name: 'cross-entropy',
    inputs: [x, head, labels],
    outputs: [loss, logSumExp],
    scratch: (planner) => chunked.scratch(planner, [chunked.forward]),
    calls: (planner, scratch) => {
      const memory = chunkMemory(scratch);
      return chunks.flatMap((chunk) => {
        return [
          ...chunked.forwardCalls(chunk, memory, planner),
          call('ROWS', chunked.scores(chunk), [memory.logits, labels, loss, logSumExp], planner.sharesRows),
        ];
      });
    },
    reference: (value) => {
      for (const chunk of chunks) {
        const scores = scoresOf(chunked, chunk, value);
        for (let r = 0; r < chunk.rows; r++) {
          const row = scores.subarray(r * chunked.row, r * chunked.row + vocabulary);
          const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
          const sum = row.reduce((total, x) => total + Math.exp(x - top), 0);
          const label = value(labels)[chunk.first + r];
          value(logSumExp)[chunk.first + r] = top + Math.log(sum);
          value(loss)[chunk.first + r] = label < 0 ? 0 : top + Math.log(sum) - row[label];
        }
      }
    },
  });
  return { loss, logSumExp };
}

/** Logits of a chunk by the reference of the matrix product. */
function scoresOf(chunked: ChunkedLogits, chunk: Chunk, value: (tensor: Tensor) => Numbers): Float64Array {
  const [shape, head] = chunked.forward(chunk);
  const scores = new Float64Array(chunk.rows * chunked.row);
  matmulReference(shape, value(chunked.projection.x), value(head), scores);
  return scores;
}

/**
 * Weighted sum of row losses, Σ_r weight[r] loss[r]: a scalar [1]. Projection and loss are one operation, so that the
 * logits of a whole batch are never in memory: the backward pass recomputes them chunk by chunk.
 *
 * @param weight f32 [rows]: loss mask over its divisor, 1 / (number of label tokens) for T5.
 * @param chunkBytes maximum bytes of logits in memory at once.
 */
export function crossEntropy(
  g: Graph,
  projection: Projection,
  labels: Tensor,
  weight: Tensor,
  chunkBytes = CHUNK_BYTES,
): Tensor {
  const { x, head } = projection;
  const { loss, logSumExp } = rowLosses(g, projection, labels, chunkBytes);
  const total = g.intermediate('loss', [1]);
  return g.record({
    name: 'weighted loss',
    inputs: [x, head, loss, logSumExp, labels, weight],
    outputs: [total],
    calls: () => [call('TOTAL', { rows: sizeOf(labels.shape), vocabulary: 1, row: 1 }, [loss, weight, total])],
    reference: (value) => {
      value(total)[0] = Float64Array.from(value(loss)).reduce((sum, x, r) => sum + value(weight)[r] * x, 0);
    },
    // The gradient goes directly to x and head: row losses and log-sum-exp are intermediates.
    gradient: ([dtotal], [wantsX, wantsHead]) => {
      if (dtotal === undefined) return [];
      const chunked = new ChunkedLogits(projection, chunkBytes);
      const rest = { labels, logSumExp, weight, dtotal };
      return recordProjectionGradient(g, chunked, rest, { wantsX, wantsHead });
    },
  });
}

function recordProjectionGradient(
  g: Graph,
  chunked: ChunkedLogits,
  given: { labels: Tensor; logSumExp: Tensor; weight: Tensor; dtotal: Tensor },
  { wantsX, wantsHead }: { wantsX: boolean; wantsHead: boolean },
): (Tensor | undefined)[] {
  const { x, head } = chunked.projection;
  const { labels, logSumExp, weight, dtotal } = given;
  const { chunks } = chunked;
  const dx = wantsX ? g.intermediate(`d ${x.name}`, x.shape) : undefined;
  const dhead = wantsHead ? g.intermediate(`d ${head.name}`, head.shape) : undefined;
  g.record({
    name: 'cross-entropy gradient',
    inputs: [x, head, labels, logSumExp, weight, dtotal],
    outputs: [dx, dhead].filter((t) => t !== undefined),
    scratch: (planner) => chunked.scratch(planner, [chunked.forward, chunked.toInput, chunked.toHead]),
    calls: (planner, scratch) => {
      const memory = chunkMemory(scratch);
      return chunks.flatMap((chunk) => {
        const back = (form: ProductForm, c: Tensor | undefined): KernelCall[] => {
          if (c === undefined) return [];
          const [shape, b] = form(chunk);
          return productCalls(shape, { a: memory.logits, b, c }, memory.scratch, planner);
        };
        return [
          ...chunked.forwardCalls(chunk, memory, planner),
          call('GRADIENT', chunked.scores(chunk), [memory.logits, labels, logSumExp, weight, dtotal]),
          ...back(chunked.toInput, dx),
          ...back(chunked.toHead, dhead),
        ];
      });
    },
    reference: (value) => {
      for (const chunk of chunks) {
        const scores = scoresOf(chunked, chunk, value);
        const dlogits = scores.map((score, i) => {
          const r = chunk.first + Math.floor(i / chunked.row);
          const label = value(labels)[r];
          const probability = Math.exp(score - value(logSumExp)[r]);
          const hit = label === i % chunked.row ? 1 : 0;
          return label < 0 ? 0 : value(dtotal)[0] * value(weight)[r] * (probability - hit);
        });
        for (const [form, c] of [[chunked.toInput, dx] as const, [chunked.toHead, dhead] as const]) {
          if (c === undefined) continue;
          const [shape, b] = form(chunk);
          matmulReference(shape, dlogits, value(b), value(c) as Float64Array);
        }
      }
    },
  });
  return [dx, dhead];
}

/** The choices at each of N nodes, C in all: node n has choices `begins[n]` up to `begins[n + 1]`. */
export interface Choices {
  /** u32 [N + 1]. */
  readonly begins: Tensor;
  /** u32 [C]. */
  readonly tokens: Tensor;
}

/**
 * How likely the choices at nodes are, and the likeliest token at each. Has no gradient.
 *
 * @param projection x is [B, N, D].
 * @param chunkBytes maximum bytes of logits in memory at once.
 * @returns `loss` [B, C], −log p of every choice at its node; `best` u32 [B, N], the likeliest token of the vocabulary
 *   at every node (the lowest on a tie).
 */
export function choiceLosses(
  g: Graph,
  projection: Projection,
  { begins, tokens }: Choices,
  chunkBytes = CHUNK_BYTES,
): { loss: Tensor; best: Tensor } {
  const { x, head } = projection;
  const [B, N] = x.shape;
  const C = sizeOf(tokens.shape);
  const chunked = new ChunkedLogits(projection, chunkBytes);
  const { vocabulary, chunks } = chunked;
  const loss = g.intermediate('choice losses', [B, C]);
  const best = g.intermediate('best tokens', [B, N], 'u32');
  g.record({
    name: 'choice losses',
    inputs: [x, head, begins, tokens],
    outputs: [loss, best],
    scratch: (planner) => chunked.scratch(planner, [chunked.forward]),
    calls: (planner, scratch) => {
      const memory = chunkMemory(scratch);
      return chunks.flatMap((chunk) => {
        return [
          ...chunked.forwardCalls(chunk, memory, planner),
          call('CHOICES', chunked.scores(chunk), [memory.logits, begins, tokens, loss, best], planner.sharesRows, [
            N,
            C,
          ]),
        ];
      });
    },
    reference: (value) => {
      for (const chunk of chunks) {
        const scores = scoresOf(chunked, chunk, value);
        for (let r = 0; r < chunk.rows; r++) {
          const row = scores.subarray(r * chunked.row, r * chunked.row + vocabulary);
          const top = row.reduce((max, x, v) => (x > row[max] ? v : max), 0);
          const logSumExp = row[top] + Math.log(row.reduce((sum, x) => sum + Math.exp(x - row[top]), 0));
          const at = chunk.first + r;
          value(best)[at] = top;
          for (let c = value(begins)[at % N]; c < value(begins)[(at % N) + 1]; c++) {
            value(loss)[Math.floor(at / N) * C + c] = logSumExp - row[value(tokens)[c]];
          }
        }
      }
    },
  });
  return { loss, best };
}

/** Index of the largest logit of each row (the lowest on a tie): u32 [rows]. */
export function argMax(g: Graph, logits: Tensor): Tensor {
  const vocabulary = logits.shape.at(-1) ?? 1;
  const rows = sizeOf(logits.shape) / vocabulary;
  const best = g.intermediate('arg-max', [rows], 'u32');
  return g.record({
    name: 'arg-max',
    inputs: [logits],
    outputs: [best],
    calls: ({ sharesRows }) => [call('ARGMAX', { rows, vocabulary, row: vocabulary }, [logits, best], sharesRows)],
    reference: (value) => {
      for (let r = 0; r < rows; r++) {
        const row = Float64Array.from(value(logits).subarray(r * vocabulary, (r + 1) * vocabulary));
        value(best)[r] = row.reduce((top, x, v) => (x > row[top] ? v : top), 0);
      }
    },
  });
}
