import template from '../../../shaders/cross-entropy.wgsl?raw';
import type { Planner } from '../../device/kernel-planner.ts';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { matmulReference, type MatmulShape, plainProduct } from '../../device/matmul-shape.ts';
import { fillTemplate } from '../../device/template.ts';
import { threadsOfRow, workgroupTree } from '../../device/tree.ts';
import type { TensorCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import { productCalls, productScratch } from './matmul.ts';

/** Scores over a vocabulary, logits = alpha x headᵀ: x [..., D], head [V, D]. */
export interface Projection {
  readonly x: Tensor;
  readonly head: Tensor;
  readonly alpha: number;
}

/** Maximum bytes of logits in memory at once. */
export const CHUNK_BYTES = 2 ** 25;

/** Some rows of the logits. */
interface Chunk {
  readonly first: number;
  readonly rows: number;
}

/** The logits of a projection in chunks of rows, so that those of a whole batch are never in memory. */
export class ChunkedLogits {
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
    return [max * this.row, productScratch(products, planner)];
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

  /**
   * The kernels of a pass over the chunks, which computes the logits of each.
   *
   * @param memory that of {@link scratch}.
   * @param use makes the kernels that use the logits of a chunk.
   * @throws Error if no memory was planned.
   */
  pass(
    planner: Planner,
    [logits, scratch]: readonly (Tensor | undefined)[],
    use: (chunk: Chunk, memory: ChunkMemory) => TensorCall[],
  ): TensorCall[] {
    if (logits === undefined) throw new Error('there is no memory for logits');
    return this.chunks.flatMap((chunk) => {
      const [shape, b] = this.forward(chunk);
      const tensors = { a: this.projection.x, b, c: logits };
      return [...productCalls(shape, tensors, scratch, planner), ...use(chunk, { logits, scratch })];
    });
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
export type ProductForm = (chunk: Chunk) => [shape: MatmulShape, b: Tensor];

/** The memory of {@link ChunkedLogits.scratch}. */
interface ChunkMemory {
  readonly logits: Tensor;
  readonly scratch: Tensor | undefined;
}

/** Logits of a chunk by the reference of the matrix product. */
export function scoresOf(chunked: ChunkedLogits, chunk: Chunk, value: (tensor: Tensor) => Numbers): Float64Array {
  const [shape, head] = chunked.forward(chunk);
  const scores = new Float64Array(chunk.rows * chunked.row);
  matmulReference(shape, value(chunked.projection.x), value(head), scores);
  return scores;
}

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
export interface Scores {
  readonly rows: number;
  readonly vocabulary: number;
  readonly row: number;
  readonly first?: number;
}

/** The call of a kernel over scores. @param sharesRows whether the threads of a workgroup share a row. */
export function scoresCall(
  form: Form,
  scores: Scores,
  tensors: Tensor[],
  sharesRows = false,
  choices: readonly number[] = [],
): TensorCall {
  const { rows, vocabulary, row, first = 0 } = scores;
  const isPerRow = form === 'ROWS' || form === 'ARGMAX' || form === 'CHOICES';
  const threads = isPerRow ? threadsOfRow(vocabulary, sharesRows) : 64;
  const items = form === 'TOTAL' ? 1 : form === 'GRADIENT' ? rows * vocabulary : rows;
  const together = isPerRow ? { type: 'vec3f', combine: 'together(a, b)' } : { type: 'f32' };
  return {
    kernel: {
      name: `cross-entropy/${form.toLowerCase()}-${threads}`,
      wgsl: () =>
        (form === 'GRADIENT' ? '' : workgroupTree({ name: 'combined', threads, ...together })) +
        fillTemplate(template, {
          THREADS: threads,
          READS: threads > 64 ? 4 : 1,
          PER_ROW: isPerRow,
          ROWS: form === 'ROWS',
          TOTAL: form === 'TOTAL',
          GRADIENT: form === 'GRADIENT',
          ARGMAX: form === 'ARGMAX',
          CHOICES: form === 'CHOICES',
          SUMS: form === 'ROWS' || form === 'CHOICES',
        }),
      wasm: { entry: ENTRIES[form] },
    },
    params: [rows, vocabulary, row, first, ...choices].map(u32),
    tensors,
    workgroups: flatWorkgroups(items, form === 'GRADIENT' ? 64 : 1),
    units: form === 'TOTAL' ? 1 : rows,
    cost: COST * rows * vocabulary,
  };
}
