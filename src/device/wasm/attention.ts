import {
  type AttentionForm,
  attentionOperations,
  type AttentionShape,
  rowAttentionOperations,
  type RowAttentionShape,
} from '../attention-shape.ts';
import { f32, type KernelPlan, u32 } from '../kernel.ts';

/** Bits of the constant `flags` in `kernels/attention.ts`. */
const FLAGS = { bias: 1, shared: 2, causal: 4, position: 8, scores: 16, window: 32, distance: 64 };

const ENTRIES = { FORWARD: 'attention', GRAD_Q: 'attentionGradQ', GRAD_KV: 'attentionGradKv' } as const;

/** The kernel of an attention or of one of its gradients; units are heads. Tensors as in `shaders/attention-inputs.wgsl`. */
export function planWasmAttention(form: AttentionForm, shape: AttentionShape): KernelPlan {
  const { B, Sq, Bk, Sk, H, Hk, d, scale, bias, causal, offset, window, position, scores = false } = shape;
  const flags =
    (bias !== false ? FLAGS.bias : 0) |
    (bias === 'shared' ? FLAGS.shared : 0) |
    (bias === 'distance' ? FLAGS.distance : 0) |
    (causal ? FLAGS.causal : 0) |
    (position ? FLAGS.position : 0) |
    (scores ? FLAGS.scores : 0) |
    (window !== null ? FLAGS.window : 0);
  const entry = ENTRIES[form];
  return {
    kernel: { name: entry, wasm: { entry, constants: [flags] } },
    params: [...[B, H, Sq, Sk, Bk, Hk].map(u32), f32(scale), ...[d, offset, window ?? 0].map(u32)],
    units: form === 'GRAD_KV' ? Bk * Hk : B * H,
    cost: attentionOperations(form, shape),
  };
}

/** Bits of the constant `flags` in `kernels/row-attention.ts`. */
const ROW_FLAGS = { bias: 1, causal: 2, window: 4 };
const ROW_ENTRIES = { FORWARD: 'rowAttention', GRAD_Q: 'rowAttentionGradQ', GRAD_KV: 'rowAttentionGradKv' } as const;
/** Queries, or keys, of a unit: few keys, since all rows read those of a beginning. */
const PART = { FORWARD: 60, GRAD_Q: 60, GRAD_KV: 32 } as const;

/** The kernel of the attention of rows, or of one of its gradients; units are heads of parts of a span. */
export function planWasmRowAttention(form: AttentionForm, shape: RowAttentionShape): KernelPlan {
  const { N, M, R, H, Hk, d, scale, causal, window, distances } = shape;
  const flags =
    (distances > 0 ? ROW_FLAGS.bias : 0) | (causal ? ROW_FLAGS.causal : 0) | (window !== null ? ROW_FLAGS.window : 0);
  const entry = ROW_ENTRIES[form];
  const [rows, heads] = form === 'GRAD_KV' ? [M, Hk] : [N, H];
  // Every span may have a part that is not whole.
  const parts = Math.floor(rows / PART[form]) + R;
  return {
    kernel: { name: entry, wasm: { entry, constants: [flags] } },
    params: [...[parts, PART[form], R, N, H, Hk, d].map(u32), f32(scale), ...[window ?? 0, distances].map(u32)],
    units: heads * parts,
    cost: rowAttentionOperations(form, shape),
  };
}
