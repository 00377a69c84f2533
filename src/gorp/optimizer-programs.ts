import type { Device } from '../device/device.ts';
import type { Program } from '../device/device.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { clipFactor, squares } from '../graph/ops/optimizer.ts';
import type { Tensor } from '../graph/tensor.ts';
import { FullRankGroup } from './full-rank/full-rank-group.ts';
import type { Gates } from './gates/gates.ts';
import type { Meters } from './layer-statistics.ts';
import { LoraGroup } from './adapters/lora-group.ts';
import type { MethodPlan } from './method-plan.ts';
import { takesExactNorm } from './trained-layers.ts';

/** What an optimizer needs besides the groups that it trains. */
export interface OptimizerParts {
  readonly lora: readonly LoraGroup[];
  readonly full: readonly FullRankGroup[];
  readonly gates: Gates | undefined;
  readonly plan: MethodPlan;
  readonly maxGradNorm: number;
  readonly meters: Meters;
  /** f32 [2]: norm of all gradients, and the factor that clips them. */
  readonly clip: Tensor;
  /** f32 [2]: Adam's step sizes of adapters and of full-rank weights. */
  readonly rates: Tensor;
}

/** What follows the gradients in a step: norm and clip factor, the update, and the merge of projections' pairs. */
export class OptimizerPrograms {
  readonly #device: Device;
  readonly #full: readonly FullRankGroup[];
  readonly #compiled: readonly Compiled[];
  /** The method's terms of the loss, then the squared norms of all gradient stacks and the clip factor. */
  readonly norm: Program;
  readonly #update: Program;
  readonly #measuringUpdate: Program;
  readonly #merge: Program;

  private constructor(
    device: Device,
    full: readonly FullRankGroup[],
    [norm, measuring, merge, plain]: readonly Compiled[],
  ) {
    this.#device = device;
    this.#full = full;
    this.#compiled = [norm, measuring, merge, ...(plain ? [plain] : [])];
    this.norm = norm.program;
    this.#measuringUpdate = measuring.program;
    this.#update = (plain ?? measuring).program;
    this.#merge = merge.program;
  }

  /** Compiles for the groups at the beginning of a task, with the spaces of earlier tasks. */
  static async compile(device: Device, parts: OptimizerParts): Promise<OptimizerPrograms> {
    const { lora, full } = parts;
    // Without a space there is nothing to measure.
    const hasSpace = [...lora, ...full].some(({ space }) => space?.isActive);
    const graphs: [string, Graph][] = [
      ['gradient norm', normGraph(parts)],
      ['update', updateGraph(parts, true)],
      ['merge', mergeGraph(full)],
      ...(hasSpace ? [['update', updateGraph(parts, false)] as [string, Graph]] : []),
    ];
    const compiled: Compiled[] = [];
    try {
      for (const [name, g] of graphs) compiled.push(await compile(device, name, g, []));
    } catch (error) {
      for (const one of compiled) one.destroy();
      throw error;
    }
    return new OptimizerPrograms(device, full, compiled);
  }

  /** Adam for everything that is trained. @param measures whether it records what spaces remove and what leaks back. */
  update(measures: boolean): Program {
    return measures ? this.#measuringUpdate : this.#update;
  }

  /** Merges the pairs of projections into the weights. */
  async merge(): Promise<void> {
    await this.#device.run([this.#merge]);
    for (const { fast } of this.#full) fast?.pair.clear();
  }

  destroy(): void {
    for (const one of this.#compiled) one.destroy();
  }
}

function normGraph({ lora, full, gates, plan, maxGradNorm, meters, clip }: OptimizerParts): Graph {
  const g = new Graph();
  for (const group of lora) group.recordTerms(g, plan.loss);
  for (const group of [...lora, ...full]) {
    // Projections with the exact norm have already written it.
    if (group instanceof FullRankGroup && group.fast && takesExactNorm(plan)) continue;
    const places = meters.squaresOf(group);
    const gradients = group instanceof LoraGroup ? [group.gradA, group.gradB] : [group.gradient];
    for (const [i, { tensor, shape }] of gradients.entries()) {
      const isTrained = !(group instanceof LoraGroup) || i > 0 || group.trainsA;
      if (isTrained) squares(g, tensor, shape, places[i]);
    }
  }
  gates?.recordSquares(g, meters.squaresOfOthers);
  clipFactor(g, meters.squares, maxGradNorm, clip);
  return g;
}

function updateGraph({ lora, full, gates, meters, clip, rates }: OptimizerParts, measures: boolean): Graph {
  const g = new Graph();
  for (const group of [...lora, ...full]) {
    group.recordUpdate({ g, clip, rates, meters: measures ? meters.spaceMetersOf(group) : undefined });
  }
  gates?.recordUpdate({ g, clip, rates });
  return g;
}

function mergeGraph(full: readonly FullRankGroup[]): Graph {
  const g = new Graph();
  for (const { fast, weights } of full) fast?.recordMerge(g, weights.tensor);
  return g;
}
