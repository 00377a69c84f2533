import type { AttentionForm, AttentionShape } from '../attention-shape.ts';
import type { KernelPlan } from '../kernel.ts';
export function planWasmAttention(form: AttentionForm, shape: AttentionShape): KernelPlan {
  throw new Error(form + shape.B);
}
