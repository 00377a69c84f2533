import template from '../../../../shaders/attention.wgsl?raw';
import type { AttentionForm, AttentionShape } from '../../attention-shape.ts';
import { f32, type KernelPlan, u32 } from '../../kernel.ts';
import { fillTemplate } from '../../template.ts';

/**
 * Kernels of an attention that compute the same, in the order of how long they take to compile: with loops over the size of
 * a head, and with heads in registers, of one or of several queries or keys for each thread.
 */
export const ATTENTION_VARIANTS = ['rolled', 'one-row', 'several-rows'] as const;
export type AttentionVariant = (typeof ATTENTION_VARIANTS)[number];
/**
 * What is used before anything has been measured. Compilers of software adapters are slow, and are quickest with loops. On a
 * graphics card loops over sums in memory take about twenty times as long as registers, which compile as quickly there.
 */
export const safeAttention = (isSoftware: boolean): AttentionVariant => (isSoftware ? 'rolled' : 'one-row');

const MAX_ROWS = 4;
// Floats of queries that one thread holds: more take more registers, and far longer to compile.
const MAX_FLOATS = 128;

/**
 * The kernel of an attention or of one of its gradients; the order of bindings is in the shader.
 *
 * @param variant takes one row for each thread where there are few, to keep all threads busy, and where heads are large.
 */
export function planAttention(form: AttentionForm, shape: AttentionShape, variant: AttentionVariant): KernelPlan {
  const { B, Sq, Bk, Sk, H, Hk, d } = shape;
  const vec = d % 4 === 0;
  const along = form === 'GRAD_KV' ? Sk : Sq;
  const maxRows = Math.max(1, Math.min(MAX_ROWS, 2 ** Math.floor(Math.log2(MAX_FLOATS / d))));
  const R = variant === 'several-rows' && along >= 16 ? maxRows : 1;
  const rolled = variant === 'rolled';
  const threads = Math.ceil(along / R);
  const wg = threads <= 4 ? 4 : threads <= 16 ? 16 : 32;
  const [heads, batch] = form === 'GRAD_KV' ? [Hk, Bk] : [H, B];
  const optional = form === 'GRAD_KV' ? 8 : 7; // the first binding behind those that are always there
  const type = vec ? 'vec4f' : 'f32';
  return {
    kernel: {
      name: `attention/${form.toLowerCase()}-${d}×${rolled ? 'rolled' : R}`,
      wgsl: () =>
        fillTemplate(template, {
          FORWARD: form === 'FORWARD',
          GRAD_Q: form === 'GRAD_Q',
          GRAD_KV: form === 'GRAD_KV',
          PER_QUERY: form !== 'GRAD_KV',
          ROLLED: rolled,
          BIAS: shape.bias !== false,
          BIAS_HEAD: shape.bias === 'shared' ? '0u' : 'h',
          CAUSAL: shape.causal,
          WINDOW: shape.window !== null,
          POSITION: shape.position,
          SCORES: shape.scores === true,
          BIAS_BINDING: optional,
          SCORES_BINDING: optional + (shape.bias !== false ? 1 : 0),
          POSITION_BINDING: optional + (shape.bias !== false ? 1 : 0),
          T: type,
          DOT: vec ? 'dot' : 'product',
          SCALAR: !vec,
          R,
          E: vec ? d / 4 : d,
          WG: wg,
        }),
    },
    params: [
      ...[B, H, Sq, Sk, Bk, Hk].map(u32),
      f32(shape.scale),
      ...[vec ? d / 4 : d, shape.offset, shape.window ?? 0].map(u32),
    ],
    workgroups: [Math.ceil(threads / wg), heads, batch],
  };
}
