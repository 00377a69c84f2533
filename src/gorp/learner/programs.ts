import type { BatchSizes } from '../../base/batch.ts';
import type { Device, Program } from '../../device/device.ts';
import { compile, type Compiled } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { clipFactor } from '../../graph/ops/optimizer.ts';
import type { Turn } from '../../linear-algebra/block-power.ts';
import { type GradientProgram, GradientPrograms, type GradientUse } from '../part/gradient-programs.ts';
import type { Part, UpdateParts } from '../part/part.ts';
import type { LearnerCore } from './core.ts';

/** What an optimizer needs. */
interface OptimizerParts extends Pick<UpdateParts, 'meters' | 'clip' | 'rates'> {
  readonly parts: readonly Part[];
  readonly maxGradNorm: number;
}

/** What follows the gradients in a step: norm and clip factor, the update, and the merge of projections' pairs. */
class OptimizerPrograms {
  readonly #device: Device;
  readonly #parts: readonly Part[];
  readonly #compiled: readonly Compiled[];
  /** The method's terms of the loss, then the squared norms of all gradient stacks and the clip factor. */
  readonly norm: Program;
  readonly #update: Program;
  readonly #measuringUpdate: Program;
  readonly #merge: Program;

  private constructor(device: Device, parts: readonly Part[], [norm, measuring, merge, plain]: readonly Compiled[]) {
    this.#device = device;
    this.#parts = parts;
    this.#compiled = [norm, measuring, merge, ...(plain ? [plain] : [])];
    this.norm = norm.program;
    this.#measuringUpdate = measuring.program;
    this.#update = (plain ?? measuring).program;
    this.#merge = merge.program;
  }

  /** Compiles for the groups at the beginning of a task, with the spaces of earlier tasks. */
  static async compile(device: Device, parts: OptimizerParts): Promise<OptimizerPrograms> {
    // Without a space there is nothing to measure.
    const hasSpace = parts.parts.some(({ groups }) => groups?.some(({ space }) => space?.isActive));
    const graphs: [string, Graph][] = [
      ['gradient norm', normGraph(parts)],
      ['update', updateGraph(parts, true)],
      ['merge', mergeGraph(parts)],
      ...(hasSpace ? [['update', updateGraph(parts, false)] as [string, Graph]] : []),
    ];
    const compiled: Compiled[] = [];
    try {
      for (const [name, g] of graphs) compiled.push(await compile(device, name, g, []));
    } catch (error) {
      for (const one of compiled) one.destroy();
      throw error;
    }
    return new OptimizerPrograms(device, parts.parts, compiled);
  }

  /** Adam for everything that is trained. @param measures whether it records what spaces remove and what leaks back. */
  update(measures: boolean): Program {
    return measures ? this.#measuringUpdate : this.#update;
  }

  /** Merges the pairs of projections into the weights. */
  async merge(): Promise<void> {
    await this.#device.run([this.#merge]);
    for (const part of this.#parts) part.merged?.();
  }

  destroy(): void {
    for (const one of this.#compiled) one.destroy();
  }
}

function normGraph({ parts, maxGradNorm, meters, clip }: OptimizerParts): Graph {
  const g = new Graph();
  for (const part of parts) part.recordTerms?.(g);
  for (const part of parts) part.recordSquares?.(g, meters);
  clipFactor(g, meters.squares, maxGradNorm, clip);
  return g;
}

function updateGraph({ parts, meters, clip, rates }: OptimizerParts, measures: boolean): Graph {
  const g = new Graph();
  for (const part of parts) part.recordUpdate?.({ g, clip, rates, meters, measures });
  return g;
}

function mergeGraph({ parts }: OptimizerParts): Graph {
  const g = new Graph();
  for (const part of parts) part.recordMerge?.(g);
  return g;
}

/** Steps between two measurements of what a space removes, if no basis is refreshed. */
const MEASURING_GAP = 10;

/** The programs of a task: gradients by batch shape, and what follows them in a step. Compiled at first use. */
export class LearnerPrograms {
  readonly #core: LearnerCore;
  #gradients: GradientPrograms;
  #optimizer: OptimizerPrograms | undefined;
  readonly #turns = new Map<Turn, Compiled>();

  constructor(core: LearnerCore) {
    this.#core = core;
    this.#gradients = this.#fresh();
  }

  #fresh(): GradientPrograms {
    const { device, network, model, loss, options } = this.#core;
    const { gradientAccumulation: accumulation, recompute = false } = options;
    return new GradientPrograms(device, network, model, loss, { accumulation, recompute });
  }

  /** Whether the next step computes new bases and measures what spaces remove. */
  get isRefresh(): boolean {
    return this.#core.progress.step % this.gap === 0;
  }

  /** Steps from one of these to the next. */
  get gap(): number {
    return this.#core.parts.find((part) => part.gap !== undefined)?.gap ?? MEASURING_GAP;
  }

  /** Whether projections compute a new basis in the next step. */
  get takesBasis(): boolean {
    return this.isRefresh && this.#core.hasUnmerged;
  }

  /** Programs of micro-batches of these sizes. */
  gradients(sizes: readonly BatchSizes[], use: GradientUse): Promise<GradientProgram[]> {
    return this.#gradients.of(sizes, use);
  }

  /** What stands between the halves of passes over several micro-batches, for new bases. */
  async turn(turn: Turn): Promise<Program> {
    const known = this.#turns.get(turn);
    if (known) return known.program;
    const { device, parts, meters } = this.#core;
    const g = new Graph();
    for (const part of parts) part.recordTurn?.(g, turn, meters);
    const compiled = await compile(device, `turn ${turn}`, g, []);
    this.#turns.set(turn, compiled);
    return compiled.program;
  }

  async optimizer(): Promise<OptimizerPrograms> {
    const { device, parts, options, meters, clip, rates } = this.#core;
    const { maxGradNorm } = options;
    return (this.#optimizer ??= await OptimizerPrograms.compile(device, { parts, maxGradNorm, meters, clip, rates }));
  }

  /**
   * Merges the pairs of projections into the weights: the model computes the same, and tests see the whole change.
   */
  async merge(): Promise<void> {
    const { progress } = this.#core;
    const { isUnmerged } = progress;
    progress.isUnmerged = false;
    // A learner that resumed in the middle of a task may have no programs yet.
    if (!isUnmerged) return;
    await (await this.optimizer()).merge();
    this.#core.merges++;
  }

  /** Destroys all programs: what they refer to is about to change. */
  drop(): void {
    this.#gradients.destroy();
    this.#gradients = this.#fresh();
    this.#optimizer?.destroy();
    this.#optimizer = undefined;
    for (const turn of this.#turns.values()) turn.destroy();
    this.#turns.clear();
  }
}
