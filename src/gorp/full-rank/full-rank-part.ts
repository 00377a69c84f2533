import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { squares } from '../../graph/ops/optimizer.ts';
import type { Half, Turn } from '../../linear-algebra/block-power.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { LayerGroup } from '../part/trainable-group.ts';
import type { Meters } from '../part/layer-statistics.ts';
import type { LayerPass, LayerUses, TaskOf } from '../part/part.ts';
import type { SpaceSource } from '../spaces/input-spaces.ts';
import { GroupedPart } from '../part/grouped-part.ts';
import type { Stack } from '../part/stack.ts';
import { AdamTrainer } from './adam-trainer.ts';
import { recordSquaredNorm } from './fast-projection.ts';
import { FullRankGroup } from './full-rank-group.ts';
import type { FullRankPlan } from '../part/method-plan.ts';

/** Target modules trained full-rank, in groups of layers of one shape. */
export class FullRankWeights extends GroupedPart<FullRankGroup> {
  readonly plan: FullRankPlan;
  readonly groups: readonly FullRankGroup[];

  /** @throws GorpError `device/out-of-memory`, …. */
  constructor(device: Device, plan: FullRankPlan, layers: readonly LayerGroup[], space: SpaceSource) {
    super();
    this.plan = plan;
    this.groups = layers.map((group) => new FullRankGroup(device, group, plan, space));
  }

  get trainable(): number {
    return this.groups.reduce((sum, { layers: { names, out, inputs } }) => sum + names.length * out * inputs, 0);
  }

  get learningRate() {
    return { of: 'full-rank', rate: this.plan.learningRate } as const;
  }

  /** Steps between two refreshes of the basis; undefined if gradients are not compressed. */
  get gap(): number | undefined {
    return this.plan.form === 'projected' ? this.plan.gap : undefined;
  }

  /** Whether gradients are compressed without being formed, and changes kept apart from the weights. */
  get hasUnmerged(): boolean {
    return this.groups.some(({ fast }) => fast !== undefined);
  }

  /** Whether clipping uses the norm of the whole projected gradient. */
  get takesExactNorm(): boolean {
    return this.plan.form === 'projected' && this.plan.clipNorm === 'exact';
  }

  get trained(): readonly Stack[] {
    return this.groups.flatMap(({ weights, fast }) => [weights, ...(fast?.change ?? [])]);
  }

  weight(layer: string, uses: LayerUses): { trainable: boolean; gradient: Tensor | undefined } | undefined {
    const group = this.groupOf(layer);
    if (group?.fast && uses.half) return { trainable: true, gradient: undefined };
    if (group === undefined || uses.trainables === undefined) return undefined;
    const isFormed = !group.fast || uses.refresh === true;
    return {
      trainable: isFormed || this.takesExactNorm,
      gradient: isFormed ? group.gradient.view(layer, false) : undefined,
    };
  }

  /**
   * Records what a fast projection computes from the implicit gradient of a layer's weight: its norm, and a new basis.
   */
  ofGradient({ g, name, x, uses, meters }: LayerPass) {
    const fast = this.groupOf(name)?.fast;
    const { half, trainables } = uses;
    if (fast && half) {
      return (dy: Tensor): undefined => {
        fast.recordHalf(g, name, { x, dy }, half);
      };
    }
    if (fast === undefined || trainables === undefined) return undefined;
    return (dy: Tensor): Tensor | undefined => {
      if (this.takesExactNorm) recordSquaredNorm(g, { x, dy }, meters.squares, meters.placeOf(name));
      return uses.refresh ? fast.recordRefresh(g, name, { x, dy }, meters.energiesOf(name)) : undefined;
    };
  }

  beginHalf(half: Half): void {
    for (const { fast } of this.groups) fast?.beginHalf(half);
  }

  recordTurn(g: Graph, turn: Turn, meters: Meters): void {
    for (const { fast } of this.groups) fast?.recordTurn(g, turn, (name) => meters.energiesOf(name));
  }

  /** y with the change of a fast projection since the last merge, unless the pair is merged. */
  forward({ g, name, x, uses }: LayerPass, y: Tensor): Tensor {
    const group = this.groupOf(name);
    const training = uses.trainables !== undefined;
    if (group?.fast === undefined || uses.refresh || !(training || uses.unmerged)) return y;
    const N = group.fast.pair.view(name, training);
    uses.trainables?.set(N, group.gradient.view(name, false));
    return group.fast.addPair(g, name, x, y, N);
  }

  clearGradients(): void {
    for (const { gradient } of this.groups) gradient.clear();
  }

  recordSquares(g: Graph, meters: Meters): void {
    for (const group of this.groups) {
      if (group.fast && this.takesExactNorm) continue; // fast projections with the exact norm have written it
      const { tensor, shape } = group.gradient;
      squares(g, tensor, shape, meters.squaresOf(group)[0]);
    }
  }

  /** Merges the pairs of fast projections into the weights. */
  recordMerge(g: Graph): void {
    for (const { fast, weights } of this.groups) fast?.recordMerge(g, weights.tensor);
  }

  merged(): void {
    for (const { fast } of this.groups) fast?.pair.clear();
  }

  get #plain(): { trainer: AdamTrainer; group: FullRankGroup }[] {
    return this.groups.flatMap((group) =>
      group.trainer instanceof AdamTrainer ? [{ trainer: group.trainer, group }] : [],
    );
  }

  get #freezes(): boolean {
    return this.plan.form === 'adam' && this.plan.frozen !== null;
  }

  async beginTask({ task, tasks, onPart }: TaskOf): Promise<void> {
    for (const group of this.groups) group.beginTask();
    if (!this.#freezes) return;
    const total = this.groups.reduce((sum, { layers }) => sum + layers.names.length, 0);
    let before = 0;
    for (const { trainer, group } of this.#plain) {
      await trainer.freezeDirections(group.weights, task, tasks(), (done) => onPart(before + done, total));
      before += group.layers.names.length;
    }
  }

  resumeTask({ task, tasks }: Pick<TaskOf, 'task' | 'tasks'>): void {
    if (this.#freezes) for (const { trainer } of this.#plain) trainer.resumeTask(task, tasks());
  }
}
