import type { AttentionForm, AttentionShape } from '../attention-shape.ts';
import type { BufferRange } from '../buffers.ts';
import type { Gpu } from './gpu.ts';
import { type AttentionClass, type AttentionVariant, attentionVariantsOf, planAttention } from './kernels/attention.ts';
import { type Measuring, quickestOf } from './quickest.ts';

/** Rows that fill a card, like a training step of t5-small: R of L tokens. */
const ROWS = { R: 4, L: 256, H: 8 };

/** Largest error that rounding explains: of a weighted mean of values of at most 1, and of sums of such values. */
const ERROR = { FORWARD: 1e-4, GRAD_Q: 1e-3, GRAD_KV: 1e-3 } as const;

/** The fastest kernel for a class of attentions. */
export function quickestAttention(
  gpu: Gpu,
  { form, d }: AttentionClass,
  measuring: Measuring,
): Promise<AttentionVariant> {
  const { R, L, H } = ROWS;
  const N = R * L;
  const sizes = { N, M: N, H, Hk: H, d, scale: 0.1, spans: R, distances: 0 };
  const shape: AttentionShape = { ...sizes, causal: false, window: null, position: false };
  const spans = Array.from({ length: R }, (_, row) => [row * L, L, row * L, L, 0, 0]).flat();
  const [values, queries] = [N * H * d, N * H];
  const back = { floats: 2 * queries + spans.length, end: spans };
  const table = { floats: spans.length, end: [...new Float32Array(Uint32Array.from(spans).buffer)] }; // u32 there
  // The last result is compared: o, dq, or dk, which depends on all that dv does.
  const vectors = [values, values, values].map((floats) => ({ floats }));
  const { inputs, outputs } = {
    FORWARD: { inputs: [...vectors, table], outputs: [queries, values] },
    GRAD_Q: { inputs: [...vectors, back, { floats: values }], outputs: [values] },
    GRAD_KV: { inputs: [...vectors, back, { floats: values }], outputs: [values, values] },
  }[form];
  const ordered = (tensors: readonly BufferRange[]): readonly BufferRange[] =>
    form === 'GRAD_KV' ? [...tensors.slice(0, 5), tensors[6], tensors[5]] : tensors;
  const candidates = attentionVariantsOf(gpu.tuning.isSoftware).map((name) => ({
    name,
    steps: (tensors: readonly BufferRange[]) => [{ ...planAttention(form, shape, name), tensors: ordered(tensors) }],
    error: ERROR[form],
  }));
  const at = (from: readonly Float32Array[], entry: number): [place: number, value: number] => [
    entry,
    entryOf(form, shape, from, entry),
  ];
  return quickestOf(gpu, candidates, { inputs, outputs }, { entries: values, at }, measuring);
}

/** An entry of o, dq or dk, from noise: q, k, v, then the spans, or lse and delta of every query before them, and do. */
function entryOf(
  form: AttentionForm,
  { H, d, scale }: AttentionShape,
  [q, k, v, back, dout]: readonly Float32Array[],
  entry: number,
): number {
  const { L } = ROWS;
  const [row, e, h] = [Math.floor(entry / d) * d, entry % d, Math.floor(entry / d) % H];
  const first = Math.floor(entry / (L * H * d)) * L;
  const dot = (x: Float32Array, i: number, y: Float32Array, j: number): number => {
    let sum = 0;
    for (let n = 0; n < d; n++) sum += x[i + n] * y[j + n];
    return sum;
  };
  let [sum, weights] = [0, 0];
  for (let n = first; n < first + L; n++) {
    const column = (n * H + h) * d;
    const [query, key] = form === 'GRAD_KV' ? [column, row] : [row, column];
    const score = scale * dot(q, query, k, key); // small
    if (form === 'FORWARD') {
      weights += Math.exp(score);
      sum += Math.exp(score) * v[key + e];
      continue;
    }
    const line = (2 * query) / d;
    const ds = Math.exp(score - back[line]) * (dot(dout, query, v, key) - back[line + 1]);
    sum += ds * scale * (form === 'GRAD_Q' ? k[key + e] : q[query + e]);
  }
  return form === 'FORWARD' ? sum / weights : sum;
}
