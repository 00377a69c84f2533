import type { BatchSizes } from '../../base/batch.ts';
import { type GradientProgram, GradientPrograms } from '../gradient-programs.ts';
import { OptimizerPrograms } from '../optimizer-programs.ts';
import type { LearnerCore } from './core.ts';

/** Steps between two measurements of what a space removes, if no basis is refreshed. */
const MEASURING_GAP = 10;

/** The programs of a task: gradients by batch shape, and what follows them in a step. Compiled at first use. */
export class LearnerPrograms {
  readonly #core: LearnerCore;
  #gradients: GradientPrograms;
  #optimizer: OptimizerPrograms | undefined;

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
    const { parts, progress } = this.#core;
    const gap = parts.find((part) => part.gap !== undefined)?.gap ?? MEASURING_GAP;
    return progress.step % gap === 0;
  }

  /** Whether projections compute a new basis in the next step, from its first micro-batch for all of them. */
  get takesBasis(): boolean {
    return this.isRefresh && this.#core.hasUnmerged;
  }

  /** Programs of micro-batches of these sizes. @param refresh whether the first computes new bases. */
  gradients(sizes: readonly BatchSizes[], refresh = this.takesBasis): Promise<GradientProgram[]> {
    return this.#gradients.of(sizes, refresh);
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
  }
}
