import { GorpError } from '../base/errors.ts';
import { float32ToHalf } from '../base/half.ts';
import type { OnnxDtype } from './dtypes.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

/** Number of weights that share a scale: 32, the default of transformers.js and onnxruntime. */
export const BLOCK = 32;

/** A matrix for onnxruntime's `MatMulNBits`. */
interface QuantizedMatrix {
  /** u8 [rows, blocks, BLOCK · bits / 8]; in a byte of two 4-bit numbers, the first has the low bits. */
  numbers: Uint8Array<ArrayBuffer>;
  /** f32 [rows, blocks]. */
  scales: Float32Array<ArrayBuffer>;
}

/** Number of blocks per row. */
export const blocksOf = (columns: number): number => Math.ceil(columns / BLOCK);

/**
 * Symmetric quantization by blocks of a row: w ≈ (q − 2^(bits−1)) · scale. The largest magnitude becomes q = 0, so that
 * its side uses the whole range (`quantize_blockwise` of onnxruntime, core/mlas/lib/q4_dq.cpp). Zeros pad an incomplete
 * last block.
 *
 * @param weights [rows, columns], row-major.
 */
export function quantize(weights: Float32Array, rows: number, columns: number, bits: 4 | 8): QuantizedMatrix {
  const blocks = blocksOf(columns);
  const zero = 2 ** (bits - 1);
  const largest = 2 ** bits - 1;
  const perByte = 8 / bits;
  const numbers = new Uint8Array((rows * blocks * BLOCK) / perByte);
  const scales = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const begin = row * columns + block * BLOCK;
      const end = Math.min(begin + BLOCK, (row + 1) * columns);
      const peak = extreme(weights, begin, end);
      const scale = peak === 0 ? 0 : Math.fround(peak / -zero);
      const inverse = scale === 0 ? 0 : 1 / scale;
      scales[row * blocks + block] = scale;
      const first = (row * blocks + block) * BLOCK;
      for (let k = 0; k < BLOCK; k++) {
        const weight = begin + k < end ? weights[begin + k] : 0;
        const number = Math.min(largest, Math.max(0, Math.round(weight * inverse) + zero));
        if (bits === 8) numbers[first + k] = number;
        else numbers[(first + k) >> 1] |= number << (4 * (k & 1));
      }
    }
  }
  return { numbers, scales };
}

/** The entry of largest magnitude, with its sign. */
function extreme(weights: Float32Array, begin: number, end: number): number {
  let found = 0;
  for (let i = begin; i < end; i++) if (Math.abs(weights[i]) > Math.abs(found)) found = weights[i];
  return found;
}

/** Gives the values of a parameter by Hugging Face name. */
export type ReadWeight = (name: string) => Promise<Float32Array>;

/** The parameter in a tensor of the graph, from the tensor's name. */
export const parameterOf = (tensor: string): string => tensor.replace(/_(transposed|q8|q4|scales)$/, '');

/** Sizes of a linear layer. */
interface LinearSizes {
  out: number;
  inputs: number;
}

/** Adapters that count for each prompt by numbers that are computed from it, and passed on from call to call. */
export interface AdaptersByPrompt {
  /** How many numbers a prompt has. */
  readonly count: number;
  /** The numbers of prompts, [B, 1, count]. @param means of their embeddings, [B, 1, D]. */
  compute(means: Value, D: number): Value;
  /** Sets the numbers of this graph's prompts, [B, 1, count], before any layer. */
  open(numbers: Value): void;
  /** y + the adapters of a layer, if it has any; x [B, T, inputs], y [B, T, out]. */
  add(layer: string, x: Value, y: Value, sizes: LinearSizes): Value;
}

/** Makes the adapters of a graph. */
export type AdaptersOf = (g: GraphBuilder) => AdaptersByPrompt;

/** The result of every output layer. */
const LOGITS = 'logits';

/**
 * The weights of a model in a graph, in one form: f32, f16 or quantized. Large matrices have that form; norms, biases
 * and small tables stay f32. The graph computes in f32 in every form: T5 overflows in f16, and onnxruntime folds the
 * casts of f16 weights at load time.
 */
export class GraphWeights {
  readonly #g: GraphBuilder;
  readonly #dtype: OnnxDtype;
  readonly #read: ReadWeight;
  readonly #casts = new Map<string, Value>();
  readonly adapters: AdaptersByPrompt | undefined;

  /** @param adapters of the graph, which are added to the layers that have them. */
  constructor(g: GraphBuilder, dtype: OnnxDtype, read: ReadWeight, adapters?: AdaptersOf) {
    this.adapters = adapters?.(g);
    this.#g = g;
    this.#dtype = dtype;
    this.#read = read;
  }

  /** y = x Wᵀ [+ bias] of the layer with this name (without `.weight`); x [..., inputs] → [..., out]. */
  linear(layer: string, x: Value, sizes: LinearSizes, hasBias = false): Value {
    const product = this.#product(`${layer}.weight`, x, sizes);
    const y = this.adapters?.add(layer, x, product, sizes) ?? product;
    return hasBias ? this.#g.node('Add', [y, this.vector(`${layer}.bias`, sizes.out)]) : y;
  }

  /** The rows of an embedding; ids [B, T] → [B, T, D]. */
  embedding(parameter: string, ids: Value, shape: readonly [rows: number, columns: number]): Value {
    return this.#g.node('Gather', [this.#embeddingWeight(parameter, shape), ids]);
  }

  /**
   * y = x Eᵀ with the embedding E: the output layer of a tied model; x [B, T, D] → [B, T, V].
   *
   * @param shape [V, D].
   */
  tiedOutput(parameter: string, x: Value, shape: readonly [rows: number, columns: number]): Value {
    const [out, inputs] = shape;
    if (this.#dtype === 'q8' || this.#dtype === 'q4') return this.#product(parameter, x, { out, inputs }, LOGITS);
    // This needs one copy in memory: onnxruntime would fold a transposed embedding for `MatMul` into a second one.
    const rows = this.#g.node('Reshape', [x, this.#g.ints(-1, inputs)]); // [B · T, D]
    const weight = this.#embeddingWeight(parameter, shape);
    const logits = this.#g.node('Gemm', [rows, weight], { transB: 1 }); // [B · T, V]
    const batchAndLength = this.#g.node('Slice', [this.#g.node('Shape', [x]), this.#g.ints(0), this.#g.ints(2)]);
    const into = this.#g.node('Concat', [batchAndLength, this.#g.ints(out)], { axis: 0 });
    return this.#g.node('Reshape', [logits, into], {}, LOGITS);
  }

  /** y = x Wᵀ: the output layer of an untied model. */
  output(x: Value, sizes: LinearSizes): Value {
    return this.#product('lm_head.weight', x, sizes, LOGITS);
  }

  /**
   * RMS norm over the last axis, which is `size` long.
   *
   * @param addsOne whether the parameter is the weight − 1, as in Gemma.
   */
  norm(parameter: string, x: Value, size: number, eps: number, addsOne = false): Value {
    const weight = this.#g.weight(parameter, 'f32', [size], async () => {
      const values = await this.#read(parameter);
      return addsOne ? values.map((value) => 1 + value) : values;
    });
    // Both providers of onnxruntime have a kernel for it that sums in f32; the standard has no such operator before
    // opset 23.
    return this.#g.node('SimplifiedLayerNormalization', [x, weight], {
      axis: -1,
      epsilon: { float: eps },
      stash_type: 1,
    });
  }

  /** A small parameter, or a table computed from one, as f32. */
  table(name: string, shape: readonly number[], make: (read: ReadWeight) => Promise<Float32Array>): Value {
    return this.#g.weight(name, 'f32', shape, () => make(this.#read));
  }

  /** A bias [size]. */
  vector(parameter: string, size: number): Value {
    return this.#g.weight(parameter, 'f32', [size], () => this.#read(parameter));
  }

  #embeddingWeight(parameter: string, shape: readonly number[]): Value {
    return this.#matrix(parameter, parameter, shape, () => this.#read(parameter));
  }

  #product(parameter: string, x: Value, { out, inputs }: LinearSizes, name?: Value): Value {
    const [g, read, dtype] = [this.#g, this.#read, this.#dtype];
    if (dtype === 'q8' || dtype === 'q4') {
      const bits = dtype === 'q8' ? 8 : 4;
      const [numbers, scales] = g.weights(
        [
          {
            name: `${parameter}_${dtype}`,
            element: 'u8',
            shape: [out, blocksOf(inputs), (BLOCK * bits) / 8],
          },
          { name: `${parameter}_scales`, element: 'f32', shape: [out, blocksOf(inputs)] },
        ],
        async () => {
          const { numbers, scales } = quantize(await read(parameter), out, inputs, bits);
          return [numbers, scales];
        },
      );
      const attributes = { K: inputs, N: out, bits, block_size: BLOCK };
      return g.node('MatMulNBits', [x, numbers, scales], attributes, name);
    }
    // `MatMul` needs [inputs, out].
    const weight = this.#matrix(parameter, `${parameter}_transposed`, [inputs, out], async () =>
      transposed(await read(parameter), out, inputs),
    );
    return g.node('MatMul', [x, weight], {}, name);
  }

  /** A matrix in f32 or f16, as f32. The cast applies to the weight itself, so onnxruntime does it once, on loading. */
  #matrix(parameter: string, name: string, shape: readonly number[], make: () => Promise<Float32Array>): Value {
    if (this.#dtype !== 'f16') return this.#g.weight(name, 'f32', shape, make);
    const known = this.#casts.get(name);
    if (known !== undefined) return known;
    const stored = this.#g.weight(name, 'f16', shape, async () => halves(parameter, await make()));
    const cast = this.#g.node('Cast', [stored], { to: 1 });
    this.#casts.set(name, cast);
    return cast;
  }
}

/** A tile fits into a CPU's L1 cache. */
const TILE = 32;

/** W [rows, columns] → Wᵀ [columns, rows], tile by tile: strided writes of a whole matrix would miss every cache. */
export function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const into = new Float32Array(values.length);
  for (let row = 0; row < rows; row += TILE) {
    for (let column = 0; column < columns; column += TILE) {
      for (let i = row; i < Math.min(row + TILE, rows); i++) {
        for (let j = column; j < Math.min(column + TILE, columns); j++) into[j * rows + i] = values[i * columns + j];
      }
    }
  }
  return into;
}

/** @throws GorpError `weights/f16-overflow` if f16 cannot hold a weight. */
function halves(parameter: string, values: Float32Array): Uint16Array {
  const bits = float32ToHalf(values);
  const overflow = bits.findIndex((half, i) => (half & 0x7fff) === 0x7c00 && Number.isFinite(values[i]));
  if (overflow < 0) return bits;
  throw new GorpError(
    'weights/f16-overflow',
    `${parameter} has a weight of ${values[overflow]}, but the largest f16 is 65504.`,
    'Export as f32 or q8.',
  );
}
