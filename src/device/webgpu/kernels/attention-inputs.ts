import template from '../../../../shaders/attention-inputs.wgsl?raw';
import type { AttentionForm, AttentionShape } from '../../attention-shape.ts';
import { f32, type Param, u32 } from '../../kernel.ts';
import { fillTemplate } from '../../template.ts';

/** The text that the kernels of attention begin with: bindings, and which keys a query sees. */
export function attentionInputs(form: AttentionForm, shape: AttentionShape): string {
  const optional = form === 'GRAD_KV' ? 8 : 7; // the first binding after those that are always there
  const hasBias = shape.distances > 0;
  return fillTemplate(template, {
    ...{ FORWARD: form === 'FORWARD', GRAD_KV: form === 'GRAD_KV' },
    ...{ BIAS: hasBias, POSITION: shape.position, CAUSAL: shape.causal, WINDOW: shape.window !== null },
    ...{ BIAS_BINDING: optional, POSITION_BINDING: optional + (hasBias ? 1 : 0) },
    ...{ SCALAR: shape.d % 4 !== 0, T: shape.d % 4 === 0 ? 'vec4f' : 'f32' },
  });
}

/** What `Params` of these kernels holds. @param parts into which a tiled kernel divides its columns. */
export function attentionParams(
  { N, M, H, Hk, d, scale, window, spans, distances }: AttentionShape,
  parts = 1,
): Param[] {
  return [
    ...[N, M, H, Hk].map(u32),
    f32(scale),
    ...[window ?? 0, parts, spans, distances, d % 4 === 0 ? d / 4 : d, Math.ceil(d / 4)].map(u32),
  ];
}
