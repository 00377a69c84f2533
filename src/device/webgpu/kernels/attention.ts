import template from '../../../../shaders/attention-rows.wgsl?raw';
import type { AttentionForm, AttentionShape } from '../../attention-shape.ts';
import type { AttentionPlan } from '../../kernel-planner.ts';
import { fillTemplate } from '../../template.ts';
import { attentionInputs, attentionParams } from './attention-inputs.ts';
import { planTiledAttention } from './attention-tiled.ts';

/**
 * Kernels that compute the same attention.
 *
 * - On graphics cards: `tiles` in workgroup memory (`shaders/attention-tiled.wgsl`), or `rolled` where that is measured to
 *   be faster or the driver compiles tiles wrongly.
 * - On software adapters, whose compilers take long for tiles: `rolled`, loops over the size of a head
 *   (`shaders/attention-rows.wgsl`).
 */
export const ATTENTION_VARIANTS = ['tiles', 'rolled'] as const;
export type AttentionVariant = (typeof ATTENTION_VARIANTS)[number];
/** The kernels that an adapter chooses from, the first one first. */
export const attentionVariantsOf = (isSoftware: boolean): readonly AttentionVariant[] =>
  isSoftware ? ['rolled'] : ATTENTION_VARIANTS;

/** Attentions that share one measurement. */
export interface AttentionClass {
  readonly form: AttentionForm;
  readonly d: number;
}

export const nameOfClass = ({ form, d }: AttentionClass): string => `${form} ${d}`;

/** The kernel of an attention or of one of its gradients; the order of bindings is in `shaders/attention-inputs.wgsl`. */
export function planAttention(form: AttentionForm, shape: AttentionShape, variant: AttentionVariant): AttentionPlan {
  if (variant === 'tiles') return planTiledAttention(form, shape);
  const { N, M, H, Hk, d } = shape;
  const vec = d % 4 === 0;
  const [rows, heads] = form === 'GRAD_KV' ? [M, Hk] : [N, H];
  const wg = rows <= 4 ? 4 : rows <= 16 ? 16 : 32;
  return {
    kernel: {
      name: `attention/${form.toLowerCase()}-${d}×${variant}`,
      wgsl: () =>
        attentionInputs(form, shape) +
        fillTemplate(template, {
          ...{ FORWARD: form === 'FORWARD', GRAD_KV: form === 'GRAD_KV' },
          ...{ T: vec ? 'vec4f' : 'f32', DOT: vec ? 'dot' : 'product', WG: wg, SIZE: vec ? d / 4 : d },
        }),
    },
    params: attentionParams(shape),
    workgroups: [Math.ceil(rows / wg), heads, 1],
    parts: 1,
  };
}
