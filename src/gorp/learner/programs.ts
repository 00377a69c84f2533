import type { BatchSizes } from '../../base/batch.ts';
import type { Program } from '../../device/device.ts';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import type { Turn } from '../../linear-algebra/block-power.ts';
import { type GradientProgram, GradientPrograms, type GradientUse } from '../gradient-programs.ts';
import { OptimizerPrograms } from '../optimizer-programs.ts';
import type { LearnerCore } from './core.ts';

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
