import template from '../../../../shaders/attention-inputs.wgsl?raw';
import type { AttentionForm, AttentionShape } from '../../attention-shape.ts';
import { f32, type Param, u32 } from '../../kernel.ts';
import { fillTemplate } from '../../template.ts';

/** The text that the kernels of attention begin with: bindings, and which keys a query sees. */
export function attentionInputs(form: AttentionForm, shape: AttentionShape): string {
  const optional = form === 'GRAD_KV' ? 8 : 7; // the first binding after those that are always there
  const next = optional + (shape.bias !== false ? 1 : 0);
  return fillTemplate(template, {
    ...{ FORWARD: form === 'FORWARD', GRAD_KV: form === 'GRAD_KV' },
    ...{ BIAS: shape.bias !== false, BIAS_HEAD: shape.bias === 'shared' ? '0u' : 'h' },
    ...{ DISTANCE: shape.bias === 'distance', POSITION: shape.position },
    ...{ SPANS: shape.spans !== undefined, HIDING: shape.spans ? 'table: array<u32>' : 'mask: array<f32>' },
    ...{ CAUSAL: shape.causal, WINDOW: shape.window !== null },
    ...{ BIAS_BINDING: optional, POSITION_BINDING: next },
    ...{ SCALAR: shape.d % 4 !== 0, T: shape.d % 4 === 0 ? 'vec4f' : 'f32' },
  });
}

/** What `Params` of these kernels holds. @param parts into which a tiled kernel divides its columns. */
export function attentionParams(
  { B, H, Sq, Sk, Bk, Hk, d, scale, offset, window, spans }: AttentionShape,
  parts = 1,
): Param[] {
  return [
    ...[B, H, Sq, Sk, Bk, Hk].map(u32),
    f32(scale),
    ...[
      offset,
      window ?? 0,
      parts,
      spans?.count ?? 0,
      spans?.distances ?? Sq + Sk - 1,
      d % 4 === 0 ? d / 4 : d,
      Math.ceil(d / 4),
    ].map(u32),
  ];
}
