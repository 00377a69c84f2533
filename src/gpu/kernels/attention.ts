import template from '../../../shaders/attention.wgsl?raw';
import { f32, type Kernel, type Param, u32, type Workgroups } from '../kernel.ts';
import { fillTemplate } from '../template.ts';

/** Sizes of an attention, as `shaders/attention.wgsl` names them. */
export interface AttentionSizes {
  readonly B: number;
  readonly Sq: number;
  readonly Bk: number;
  readonly Sk: number;
  readonly H: number;
  readonly Hk: number;
  /** Size of a head. */
  readonly d: number;
}

/** An attention, and which of the optional tensors there are. */
export interface AttentionShape extends AttentionSizes {
  readonly scale: number;
  readonly causal: boolean;
  /** Whether there is one, for each head or one that all share. */
  readonly bias: boolean | 'shared';
  readonly position: boolean;
}

/** What is computed: the result, or a gradient. */
export type AttentionForm = 'FORWARD' | 'GRAD_Q' | 'GRAD_KV' | 'GRAD_BIAS';

/** Queries or keys that one thread takes: several where registers are plenty. */
export type AttentionRows = 1 | 4;

// Several rows are measured with heads of this size: those of larger ones take more registers, and far longer to compile.
const LARGEST_HEAD = 32;

/**
 * The kernel of an attention or of one of its gradients; the order of bindings is in the shader.
 *
 * @param rows per thread; one where there are few rows, to keep all threads busy, and where heads are large.
 */
export function planAttention(
  form: AttentionForm,
  shape: AttentionShape,
  rows: AttentionRows,
): { kernel: Kernel; params: readonly Param[]; workgroups: Workgroups } {
  const { B, Sq, Bk, Sk, H, Hk, d } = shape;
  const vec = d % 4 === 0;
  const along = form === 'FORWARD' || form === 'GRAD_Q' ? Sq : Sk;
  const R = along >= 16 && d <= LARGEST_HEAD && form !== 'GRAD_BIAS' ? rows : 1;
  const threads = Math.ceil(along / R);
  const wg = threads <= 4 ? 4 : threads <= 16 ? 16 : 32;
  const workgroups: Workgroups =
    form === 'GRAD_BIAS'
      ? [Math.ceil(threads / wg), Sq, H]
      : form === 'GRAD_KV'
        ? [Math.ceil(threads / wg), Hk, Bk]
        : [Math.ceil(threads / wg), H, B];
  const type = vec ? 'vec4f' : 'f32';
  return {
    kernel: {
      name: `attention/${form.toLowerCase()}-${d}×${R}`,
      wgsl: fillTemplate(template, {
        FORWARD: form === 'FORWARD',
        GRAD_Q: form === 'GRAD_Q',
        GRAD_KV: form === 'GRAD_KV',
        GRAD_BIAS: form === 'GRAD_BIAS',
        PER_QUERY: form === 'FORWARD' || form === 'GRAD_Q',
        BIAS: shape.bias !== false,
        BIAS_HEAD: shape.bias === 'shared' ? '0u' : 'h',
        CAUSAL: shape.causal,
        POSITION: shape.position,
        BIAS_BINDING: form === 'FORWARD' ? 7 : form === 'GRAD_BIAS' ? 9 : 10,
        POSITION_BINDING: shape.bias !== false ? 8 : 7,
        T: type,
        T1: form === 'GRAD_BIAS' ? 'f32' : type,
        DOT: vec ? 'dot' : 'product',
        SCALAR: !vec,
        R,
        D: d,
        E: vec ? d / 4 : d,
        WG: wg,
      }),
    },
    params: [...[B, H, Sq, Sk, Bk, Hk].map(u32), f32(shape.scale)],
    workgroups,
  };
}
