import { type AttentionForm, attentionOperations, type AttentionShape } from '../attention-shape.ts';
import { f32, type KernelPlan, u32 } from '../kernel.ts';

/** Bits of the constant `flags` in `kernels/attention.ts`. */
const FLAGS = { bias: 1, causal: 2, window: 4, position: 8 };
const ENTRIES = { FORWARD: 'attention', GRAD_Q: 'attentionGradQ', GRAD_KV: 'attentionGradKv' } as const;
/** Queries, or keys, of a unit: few keys, since all rows read those of a beginning. */
const PART = { FORWARD: 36, GRAD_Q: 36, GRAD_KV: 32 } as const;

/**
 * The kernel of an attention or of one of its gradients. Tensors as in `shaders/attention-inputs.wgsl`. Units are heads
 * of a part of a span.
 */
export function planWasmAttention(form: AttentionForm, shape: AttentionShape): KernelPlan {
  const { N, M, H, Hk, d, scale, causal, window, spans, distances, position } = shape;
  const flags =
    (distances > 0 ? FLAGS.bias : 0) |
    (causal ? FLAGS.causal : 0) |
    (window !== null ? FLAGS.window : 0) |
    (position ? FLAGS.position : 0);
  const entry = ENTRIES[form];
  const [rows, heads] = form === 'GRAD_KV' ? [M, Hk] : [N, H];
  // Every span may have a part that is not whole.
  const parts = Math.floor(rows / PART[form]) + spans;
  return {
    kernel: { name: entry, wasm: { entry, constants: [flags] } },
    params: [...[parts, PART[form], spans, N, H, Hk, d].map(u32), f32(scale), ...[window ?? 0, distances].map(u32)],
    units: heads * parts,
    cost: attentionOperations(form, shape),
  };
}
