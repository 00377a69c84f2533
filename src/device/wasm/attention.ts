import { type AttentionForm, attentionOperations, type AttentionShape } from '../attention-shape.ts';
import { f32, type KernelPlan, u32 } from '../kernel.ts';

/** Bits of the constant `flags` in `kernels/attention.ts`. */
const FLAGS = { bias: 1, shared: 2, causal: 4, position: 8, window: 32, distance: 64 };

/** Bits of the constant `flags` in `kernels/row-attention.ts`. */
const ROW_FLAGS = { bias: 1, causal: 2, window: 4 };
const ROW_ENTRIES = { FORWARD: 'rowAttention', GRAD_Q: 'rowAttentionGradQ', GRAD_KV: 'rowAttentionGradKv' } as const;
/** Queries, or keys, of a unit: few keys, since all rows read those of a beginning. */
const PART = { FORWARD: 36, GRAD_Q: 36, GRAD_KV: 32 } as const;

/**
 * The kernel of an attention or of one of its gradients. Tensors as in `shaders/attention-inputs.wgsl`. Units are heads, of
 * a part of a span if there are spans.
 */
export function planWasmAttention(form: AttentionForm, shape: AttentionShape): KernelPlan {
  if (shape.spans) return planRows(form, shape, shape.spans);
  if (form !== 'FORWARD') throw new Error('the gradients of attention need spans');
  const { B, Sq, Bk, Sk, H, Hk, d, scale, bias, causal, offset, window, position } = shape;
  const flags =
    (bias !== false ? FLAGS.bias : 0) |
    (bias === 'shared' ? FLAGS.shared : 0) |
    (bias === 'distance' ? FLAGS.distance : 0) |
    (causal ? FLAGS.causal : 0) |
    (position ? FLAGS.position : 0) |
    (window !== null ? FLAGS.window : 0);
  return {
    kernel: { name: 'attention', wasm: { entry: 'attention', constants: [flags] } },
    params: [...[B, H, Sq, Sk, Bk, Hk].map(u32), f32(scale), ...[d, offset, window ?? 0].map(u32)],
    units: B * H,
    cost: attentionOperations(form, shape),
  };
}

function planRows(
  form: AttentionForm,
  shape: AttentionShape,
  { count, distances }: { count: number; distances: number },
): KernelPlan {
  const { Sq, Sk, H, Hk, d, scale, causal, window } = shape;
  const flags =
    (distances > 0 ? ROW_FLAGS.bias : 0) | (causal ? ROW_FLAGS.causal : 0) | (window !== null ? ROW_FLAGS.window : 0);
  const entry = ROW_ENTRIES[form];
  const [rows, heads] = form === 'GRAD_KV' ? [Sk, Hk] : [Sq, H];
  // Every span may have a part that is not whole.
  const parts = Math.floor(rows / PART[form]) + count;
  return {
    kernel: { name: entry, wasm: { entry, constants: [flags] } },
    params: [...[parts, PART[form], count, Sq, H, Hk, d].map(u32), f32(scale), ...[window ?? 0, distances].map(u32)],
    units: heads * parts,
    cost: attentionOperations(form, shape),
  };
}
