import { type AttentionForm, attentionOperations, type AttentionShape } from '../attention-shape.ts';
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
