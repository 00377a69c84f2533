import { matmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';
import { type Layers, ofTokens } from '../models/layers.ts';
import type { LayerPass, LayerUses, PairScales, Part, TrainedModel } from './part.ts';

/**
 * The current layers of a model, with what the parts of the method add (docs/method.md, eq. (1)). For a graph that
 * trains nothing, the pairs of fast projections must have been merged into the weights, unless `unmerged` adds them.
 */
export function trainedLayers({ parameters, parts, meters }: TrainedModel, uses: LayerUses = {}): Layers {
  const { trainables, captured } = uses;
  const cache = new Map<string, Tensor>();
  const parameter = (name: string): Tensor => {
    const known = cache.get(name);
    if (known) return known;
    const layer = name.replace(/\.weight$/, '');
    const own = first(parts, (part) => part.weight?.(layer, uses));
    const tensor: Tensor = { ...(own?.stored ?? parameters.tensor(name)), trainable: own?.trainable ?? false };
    cache.set(name, tensor);
    if (own?.gradient) trainables?.set(tensor, own.gradient);
    return tensor;
  };
  const scaling = parts.find((part) => part.scales !== undefined);
  const linearWith =
    (scales?: PairScales): Layers['linear'] =>
    (g, name, x, addend) => {
      if (scaling && scales === undefined) throw new Error(`the scales of the pairs of ${name} are not computed`);
      const pass: LayerPass = { g, name, x, uses, scales, meters };
      const gradientOfB = first(parts, (part) => part.ofGradient?.(pass));
      let y = matmul(g, x, parameter(`${name}.weight`), { layout: 'nt', addend, gradientOfB });
      for (const part of parts) y = part.forward?.(pass, y) ?? y;
      if (captured && parts.some((part) => part.trains?.(name))) captured.set(name, x);
      return y;
    };
  const linear = linearWith();
  if (scaling === undefined) return { parameter, linear };
  const gated: Layers['gated'] = (g, prompts, rowOf) => {
    const scales = scaling.scales?.(g, prompts, uses);
    if (scales === undefined || rowOf === undefined) return { parameter, linear: linearWith(scales) };
    const { previous, own } = scales;
    const of = { previous: previous && ofTokens(g, previous, rowOf), own: ofTokens(g, own, rowOf) };
    return { parameter, linear: linearWith(of) };
  };
  return { parameter, linear, gated };
}

/** The first answer that a part gives. */
function first<Answer>(parts: readonly Part[], ask: (part: Part) => Answer | undefined): Answer | undefined {
  for (const part of parts) {
    const answer = ask(part);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
