import template from '../../../../shaders/attention-rolled.wgsl?raw';
import type { AttentionForm, AttentionShape } from '../../attention-shape.ts';
import type { AttentionPlan } from '../../planner.ts';
import { fillTemplate } from '../../template.ts';
import { attentionInputs, attentionParams } from './attention-inputs.ts';
import { planTiledAttention } from './attention-tiled.ts';

/**
 * Kernels of an attention that compute the same, in the order of how long they take to compile: a query or key for each
 * thread, with loops over the size of a head (`shaders/attention-rolled.wgsl`), and tiles in workgroup memory
 * (`shaders/attention-tiled.wgsl`).
 */
export const ATTENTION_VARIANTS = ['rolled', 'tiles'] as const;
export type AttentionVariant = (typeof ATTENTION_VARIANTS)[number];
/** What a CPU uses before anything has been measured. */
export const SAFE_ATTENTION: AttentionVariant = 'rolled';

/** The class of attentions that share one measurement. */
export const attentionClass = (form: AttentionForm, d: number): string => `${form} ${d}`;

/** The kernel of an attention or of one of its gradients; the order of bindings is in `shaders/attention-inputs.wgsl`. */
export function planAttention(form: AttentionForm, shape: AttentionShape, variant: AttentionVariant): AttentionPlan {
  return variant === 'tiles' ? planTiledAttention(form, shape) : planRolledAttention(form, shape);
}

function planRolledAttention(form: AttentionForm, shape: AttentionShape): AttentionPlan {
  const { B, Sq, Bk, Sk, H, Hk, d } = shape;
  const vec = d % 4 === 0;
  const [threads, heads, batch] = form === 'GRAD_KV' ? [Sk, Hk, Bk] : [Sq, H, B];
  const wg = threads <= 4 ? 4 : threads <= 16 ? 16 : 32;
  return {
    kernel: {
      name: `attention/${form.toLowerCase()}-${d}×rolled`,
      wgsl: () =>
        attentionInputs(form, shape) +
        fillTemplate(template, {
          ...{ FORWARD: form === 'FORWARD', GRAD_KV: form === 'GRAD_KV', WG: wg },
          ...{ WINDOW: shape.window !== null, SCORES: shape.scores === true },
          ...{ T: vec ? 'vec4f' : 'f32', DOT: vec ? 'dot' : 'product', SCALAR: !vec, E: vec ? d / 4 : d },
        }),
    },
    params: attentionParams(shape),
    workgroups: [Math.ceil(threads / wg), heads, batch],
    parts: 1,
  };
}
