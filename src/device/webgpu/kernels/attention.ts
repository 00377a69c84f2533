import template from '../../../../shaders/attention-rows.wgsl?raw';
import type { AttentionForm, AttentionShape } from '../../attention-shape.ts';
import type { AttentionPlan } from '../../planner.ts';
import { fillTemplate } from '../../template.ts';
import { attentionInputs, attentionParams } from './attention-inputs.ts';
import { planTiledAttention } from './attention-tiled.ts';

/**
 * Kernels that compute the same attention; measurements choose one of them. Programs start with the first, which is
 * safe.
 *
 * - On a CPU (`shaders/attention-rows.wgsl`): `rolled`, which loops over the size of a head and compiles fastest;
 *   `several-rows`, which holds queries or keys in registers and runs faster.
 * - On graphics cards: `tiles` in workgroup memory (`shaders/attention-tiled.wgsl`); `rolled` for drivers that compile
 *   tiles wrongly.
 */
const VARIANTS = { software: ['rolled', 'several-rows'], card: ['tiles', 'rolled'] } as const;
export type AttentionVariant = (typeof VARIANTS)[keyof typeof VARIANTS][number];
export const ATTENTION_VARIANTS: readonly AttentionVariant[] = [...new Set(Object.values(VARIANTS).flat())];
/** The kernels that an adapter chooses from, the safe one first. */
export const attentionVariantsOf = (isSoftware: boolean): readonly AttentionVariant[] =>
  VARIANTS[isSoftware ? 'software' : 'card'];

const MAX_ROWS = 4;
// Floats of queries that one thread holds. With more it needs more registers and compiles far longer.
const MAX_FLOATS = 128;

/** What is measured for a class of attentions. */
export interface AttentionClass {
  readonly form: AttentionForm;
  readonly d: number;
}

/**
 * The class of an attention. On a CPU there is only one: compilers there take up to a minute for a gradient, and the same
 * kernel is the fastest for all.
 */
export const attentionClassOf = (form: AttentionForm, d: number, isSoftware: boolean): AttentionClass =>
  isSoftware ? { form: 'FORWARD', d: 32 } : { form, d };

export const nameOfClass = ({ form, d }: AttentionClass): string => `${form} ${d}`;

/**
 * The kernel of an attention or of one of its gradients; the order of bindings is in `shaders/attention-inputs.wgsl`.
 *
 * @param variant `several-rows` takes one row a thread if rows are few, which keeps all threads busy, or heads are large.
 */
export function planAttention(form: AttentionForm, shape: AttentionShape, variant: AttentionVariant): AttentionPlan {
  if (variant === 'tiles') return planTiledAttention(form, shape);
  const { B, Sq, Bk, Sk, H, Hk, d } = shape;
  const vec = d % 4 === 0;
  const size = vec ? d / 4 : d;
  const [rows, heads, batch] = form === 'GRAD_KV' ? [Sk, Hk, Bk] : [Sq, H, B];
  const maxRows = Math.max(1, Math.min(MAX_ROWS, 2 ** Math.floor(Math.log2(MAX_FLOATS / d))));
  const R = variant === 'several-rows' && rows >= 16 ? maxRows : 1;
  const isRolled = variant === 'rolled';
  const threads = Math.ceil(rows / R);
  const wg = threads <= 4 ? 4 : threads <= 16 ? 16 : 32;
  return {
    kernel: {
      name: `attention/${form.toLowerCase()}-${d}×${isRolled ? variant : R}`,
      wgsl: () =>
        attentionInputs(form, shape) +
        fillTemplate(template, {
          ...{ FORWARD: form === 'FORWARD', GRAD_KV: form === 'GRAD_KV', SCORES: shape.scores === true },
          ...{ T: vec ? 'vec4f' : 'f32', DOT: vec ? 'dot' : 'product', R, WG: wg },
          ...{ SIZE: size, LOOPS: isRolled, HELD: isRolled ? 0 : size, EACH: isRolled ? 'p.E' : size },
        }),
    },
    params: attentionParams(shape),
    workgroups: [Math.ceil(threads / wg), heads, batch],
    parts: 1,
  };
}
