import { mixSeed } from '../base/random.ts';
import type { Graph } from '../graph/graph.ts';
import { matmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Layers } from '../models/layers.ts';
import type { Parameters } from '../models/parameters.ts';
import type { ImplicitGradient } from './block-power.ts';
import { type FastProjection, recordSquaredNorm } from './fast-projection.ts';
import type { FullRankGroup } from './full-rank-group.ts';
import type { Meters } from './layer-statistics.ts';
import type { LoraGroup } from './lora-group.ts';
import type { MethodPlan } from './method-plan.ts';

/** What layers are made of: the model's parameters, and the groups of those that are trained. */
export interface TrainedParts {
  readonly parameters: Parameters;
  readonly lora: readonly LoraGroup[];
  readonly full: readonly FullRankGroup[];
  readonly plan: Pick<MethodPlan, 'adapters' | 'fullRank'>;
  /** Seeds the dropout masks of a step, u32 [1]. */
  readonly dropoutStep: Tensor;
  /** What is kept of every trained tensor, and the place of a full-rank layer there. */
  readonly records: Pick<Meters, 'squares' | 'before' | 'after' | 'placeOf'>;
}

/** Receives what a graph uses of the layers. */
export interface LayerUses {
  /** Trainable tensors and the place of their gradients; undefined when nothing is trained by the graph. */
  readonly trainables?: Map<Tensor, Tensor>;
  /** Whether fast projections take a new basis from the gradients of this graph. */
  readonly refresh?: boolean;
  /** The input of every layer that is trained, by name: what spaces of activations are built from. */
  readonly captured?: Map<string, Tensor>;
}

/**
 * The layers of a model as they are now, adapters included (docs/method.md, eq. (1)). For a graph that trains nothing, what
 * fast projections hold beside the weights must have been merged into them.
 */
export function trainedLayers(parts: TrainedParts, uses: LayerUses = {}): Layers {
  const { parameters, lora, full, plan, dropoutStep } = parts;
  const { trainables, captured } = uses;
  const cache = new Map<string, Tensor>();
  const training = trainables !== undefined;
  const fullRankOf = (layer: string): FullRankGroup | undefined =>
    full.find(({ layers }) => layers.names.includes(layer));
  const parameter = (name: string): Tensor => {
    const known = cache.get(name);
    if (known) return known;
    const layer = name.replace(/\.weight$/, '');
    const group = fullRankOf(layer);
    const hasGradient = group !== undefined && (!group.fast || uses.refresh === true);
    const trainable = training && (hasGradient || (group !== undefined && takesExactNorm(plan)));
    const tensor: Tensor = { ...parameters.tensor(name), trainable };
    cache.set(name, tensor);
    if (group && hasGradient) trainables?.set(tensor, group.gradient.view(layer, false));
    return tensor;
  };
  const linear: Layers['linear'] = (g, name, x, addend) => {
    const weight = parameter(`${name}.weight`);
    const fullRank = fullRankOf(name);
    const fast = training ? fullRank?.fast : undefined;
    const gradientOfB = fast && ((dy: Tensor) => fastGradient(g, parts, uses, fast, name, { x, dy }));
    let y = matmul(g, x, weight, { layout: 'nt', addend, gradientOfB });
    if (fast && fullRank && !uses.refresh) {
      const N = fast.pair.view(name, true);
      trainables?.set(N, fullRank.gradient.view(name, false));
      y = fast.addPair(g, name, x, y, N);
    }
    const group = lora.find(({ layers }) => layers.names.includes(name));
    if (group || fullRank) captured?.set(name, x);
    if (!group || !plan.adapters) return y;
    const pair = { A: group.adapters.A.view(name, training), B: group.adapters.B.view(name, training) };
    trainables?.set(pair.A, group.gradA.view(name, false));
    trainables?.set(pair.B, group.gradB.view(name, false));
    const { alpha, rank, dropout: rate } = plan.adapters;
    const drop = training ? { step: dropoutStep, salt: mixSeed(0, name) >>> 0, rate } : undefined;
    return group.adapters.apply(g, name, x, y, pair, alpha / rank, drop);
  };
  return { parameter, linear };
}

/** Whether the norm that clips is that of the whole projected gradient. */
export const takesExactNorm = ({ fullRank }: Pick<MethodPlan, 'fullRank'>): boolean =>
  fullRank?.form === 'projected' && fullRank.clipNorm === 'exact';

/** What a fast projection takes from the gradient of a layer's weight, which is not formed: its norm, and a new basis. */
function fastGradient(
  g: Graph,
  { plan, records }: TrainedParts,
  { refresh }: LayerUses,
  fast: FastProjection,
  name: string,
  gradient: ImplicitGradient,
): Tensor | undefined {
  const index = records.placeOf(name);
  if (takesExactNorm(plan)) recordSquaredNorm(g, gradient, records.squares, index);
  return refresh
    ? fast.recordRefresh(g, name, gradient, { before: records.before, after: records.after, index })
    : undefined;
}
