import { mixSeed } from '../base/random.ts';
import type { Graph } from '../graph/graph.ts';
import { matmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Layers } from '../models/layers.ts';
import type { Parameters } from '../models/parameters.ts';
import type { ImplicitGradient } from '../linear-algebra/block-power.ts';
import { type FastProjection, recordSquaredNorm } from './full-rank/fast-projection.ts';
import type { FullRankGroup } from './full-rank/full-rank-group.ts';
import type { Meters } from './layer-statistics.ts';
import type { Gates, GateValues } from './gates/gates.ts';
import type { LoraGroup } from './adapters/lora-group.ts';
import type { MethodPlan } from './method-plan.ts';

/** What layers consist of: the model's parameters and the trained groups. */
export interface TrainedParts {
  readonly parameters: Parameters;
  readonly lora: readonly LoraGroup[];
  readonly full: readonly FullRankGroup[];
  /** The gates of adapters; undefined if they have none. */
  readonly gates: Gates | undefined;
  readonly plan: Pick<MethodPlan, 'adapters' | 'fullRank' | 'loss'>;
  /** Seeds the dropout masks of a step, u32 [1]. */
  readonly dropoutStep: Tensor;
  /** The measurements of every trained tensor, and the position of a full-rank layer in them. */
  readonly records: Pick<Meters, 'squares' | 'before' | 'after' | 'placeOf'>;
}

/** How a graph uses the layers, and maps that collect what it used. */
export interface LayerUses {
  /** Trainable tensors and their gradients; undefined if the graph trains nothing. */
  readonly trainables?: Map<Tensor, Tensor>;
  /** Whether projections compute a new basis from the gradients of this graph. */
  readonly refresh?: boolean;
  /** Whether to add the pairs of projections that are not merged into the weights, without training. */
  readonly unmerged?: boolean;
  /** Whether to omit the new pairs: the model before the task. */
  readonly withoutNewPairs?: boolean;
  /** If output magnitudes select rows to train: which input rows are tokens, and whether magnitudes add up. */
  readonly outputs?: { readonly rowMask: (layer: string) => Tensor; readonly adds: boolean };
  /** The input of every trained layer, by name: the source of activation spaces. */
  readonly captured?: Map<string, Tensor>;
}

/**
 * The current layers of a model, including adapters (docs/method.md, eq. (1)). For a graph that trains nothing, the
 * pairs of projections must have been merged into the weights, unless `unmerged` adds them.
 */
export function trainedLayers(parts: TrainedParts, uses: LayerUses = {}): Layers {
  const { parameters, lora, full, gates, plan, dropoutStep } = parts;
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
  const linearWith =
    (values?: GateValues): Layers['linear'] =>
    (g, name, x, addend) => {
      const weight = parameter(`${name}.weight`);
      const fullRank = fullRankOf(name);
      const fast = training || uses.unmerged === true ? fullRank?.fast : undefined;
      const gradientOfB = training && fast && ((dy: Tensor) => fastGradient(g, parts, uses, fast, name, { x, dy }));
      let y = matmul(g, x, weight, { layout: 'nt', addend, gradientOfB: gradientOfB || undefined });
      if (fast && fullRank && !uses.refresh) {
        const N = fast.pair.view(name, training);
        trainables?.set(N, fullRank.gradient.view(name, false));
        y = fast.addPair(g, name, x, y, N);
      }
      const group = lora.find(({ layers }) => layers.names.includes(name));
      if (group || fullRank) captured?.set(name, x);
      if (!group || !plan.adapters) return y;
      if (gates && values === undefined) throw new Error(`the gates of ${name} are not computed`);
      const { alpha, rank, dropout: rate } = plan.adapters;
      if (uses.withoutNewPairs)
        return group.adapters.apply(g, name, x, y, null, alpha / rank, undefined, undefined, values);
      const pair = {
        A: group.adapters.A.view(name, training && group.trainsA),
        B: group.adapters.B.view(name, training),
      };
      if (group.trainsA) trainables?.set(pair.A, group.gradA.view(name, false));
      trainables?.set(pair.B, group.gradB.view(name, false));
      const drop = training ? { step: dropoutStep, salt: mixSeed(0, name) >>> 0, rate } : undefined;
      const { magnitudes } = group;
      const note =
        magnitudes && uses.outputs
          ? (part: 'A' | 'B', output: Tensor) =>
              magnitudes.record(g, part, name, output, uses.outputs!.rowMask(name), uses.outputs!.adds)
          : undefined;
      const noteA = note && ((h: Tensor): void => note('A', h));
      const output = group.adapters.apply(g, name, x, y, pair, alpha / rank, drop, noteA, values);
      note?.('B', output);
      return output;
    };
  const linear = linearWith();
  if (gates === undefined) return { parameter, linear };
  const gated: Layers['gated'] = (g, prompts) => ({
    parameter,
    linear: linearWith(gates.record(g, prompts, trainables)),
  });
  return { parameter, linear, gated };
}

/** Whether clipping uses the norm of the whole projected gradient. */
export const takesExactNorm = ({ fullRank }: Pick<MethodPlan, 'fullRank'>): boolean =>
  fullRank?.form === 'projected' && fullRank.clipNorm === 'exact';

/** What a projection computes from the implicit gradient of a layer's weight: its norm, and a new basis. */
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
