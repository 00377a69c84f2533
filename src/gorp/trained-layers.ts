import { mixSeed } from '../base/random.ts';
import { matmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Layers } from '../models/layers.ts';
import type { Parameters } from '../models/parameters.ts';
import type { FullRankGroup } from './full-rank-group.ts';
import type { LoraGroup } from './lora-group.ts';
import type { MethodSettings } from './method-settings.ts';

/** What layers are made of: the model's parameters, and the groups of those that are trained. */
export interface TrainedParts {
  readonly parameters: Parameters;
  readonly lora: readonly LoraGroup[];
  readonly full: readonly FullRankGroup[];
  readonly method: MethodSettings;
  /** Seeds the dropout masks of a step, u32 [1]. */
  readonly dropoutStep: Tensor;
}

/** Receives what a graph uses of the layers. */
export interface LayerUses {
  /** Trainable tensors and the place of their gradients; undefined when nothing is trained by the graph. */
  readonly trainables?: Map<Tensor, Tensor>;
  /** The input of every layer that is trained, by name: what spaces of activations are built from. */
  readonly captured?: Map<string, Tensor>;
}

/** The layers of a model as they are now, adapters included (METHOD.md section 2). */
export function trainedLayers(parts: TrainedParts, { trainables, captured }: LayerUses = {}): Layers {
  const { parameters, lora, full, method, dropoutStep } = parts;
  const cache = new Map<string, Tensor>();
  const training = trainables !== undefined;
  const parameter = (name: string): Tensor => {
    const known = cache.get(name);
    if (known) return known;
    const layer = name.replace(/\.weight$/, '');
    const group = full.find(({ layers }) => layers.names.includes(layer));
    const trainable = training && group !== undefined;
    const tensor: Tensor = { ...parameters.tensor(name), trainable };
    cache.set(name, tensor);
    if (group) trainables?.set(tensor, group.gradient.view(layer, false));
    return tensor;
  };
  const linear: Layers['linear'] = (g, name, x, addend) => {
    const y = matmul(g, x, parameter(`${name}.weight`), { layout: 'nt', addend });
    const group = lora.find(({ layers }) => layers.names.includes(name));
    const isFull = full.some(({ layers }) => layers.names.includes(name));
    if (group || isFull) captured?.set(name, x);
    if (!group) return y;
    const pair = { A: group.adapters.A.view(name, training), B: group.adapters.B.view(name, training) };
    trainables?.set(pair.A, group.gradA.view(name, false));
    trainables?.set(pair.B, group.gradB.view(name, false));
    const { loraAlpha, loraRank, loraDropout: rate } = method;
    const drop = training ? { step: dropoutStep, salt: mixSeed(0, name) >>> 0, rate } : undefined;
    return group.adapters.apply(g, name, x, y, pair, loraAlpha / loraRank, drop);
  };
  return { parameter, linear };
}
