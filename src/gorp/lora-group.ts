import type { Device } from '../device/device.ts';
import type { Graph } from '../graph/graph.ts';
import { AdapterGroup } from './adapters.ts';
import type { LayerGroup } from './method-groups.ts';
import type { MethodSettings } from './method-settings.ts';
import { recordOrthogonalPenalty, recordSparsityPenalty } from './penalties.ts';
import { Stack } from './stack.ts';
import { GroupSpace, type MomentPair, Moments, pairMoments, type UpdateContext } from './trainable-group.ts';
import { fitting, type SavedTraining, type TrainedAdapter } from './trained.ts';
import { recordPlainUpdate } from './update.ts';

/** Place of the adapters' step size in `rates`. */
const RATE = 0;

/** Adapters of layers of one shape with their gradients, moments and shared space. */
export class LoraGroup {
  readonly adapters: AdapterGroup;
  readonly gradA: Stack;
  readonly gradB: Stack;
  readonly momentsA: Moments;
  readonly #momentsB: Moments;
  readonly space: GroupSpace | undefined;
  readonly #unprojected: Stack | undefined;

  constructor(
    device: Device,
    readonly layers: LayerGroup,
    private readonly method: MethodSettings,
  ) {
    const { names, out, inputs } = layers;
    const r = method.loraRank;
    this.adapters = new AdapterGroup(device, names, out, inputs, r);
    this.gradA = new Stack(device, 'gradient of lora_A', names, r, inputs);
    this.gradB = new Stack(device, 'gradient of lora_B', names, out, r);
    this.momentsA = new Moments(device, 'lora_A', names, r, inputs);
    this.#momentsB = new Moments(device, 'lora_B', names, out, r);
    if (method.sharedSpace) {
      const onInput = method.loraSpace === 'input';
      this.space = new GroupSpace(device, names, onInput ? inputs : r, onInput ? 'columns' : 'rows');
      if (method.spaceSource === 'moment')
        this.#unprojected = new Stack(device, 'lora_A unprojected', names, r, inputs);
    }
  }

  /** Fresh pair and moments, and the space of the tasks before. */
  beginTask(seed: number, freshPair: boolean): void {
    this.space?.upload();
    this.momentsA.clear();
    this.#unprojected?.clear();
    this.#momentsB.clear();
    if (freshPair) this.adapters.reset(seed, this.method.loraSpace === 'input' ? this.space?.spaces : undefined);
  }

  /** Sets memory aside for the pairs and spaces of earlier tasks, as large as they can be: for a plan of memory. */
  reserve({ pairs, spaces }: { pairs: number; spaces: number }): void {
    const { adapters, schedule, spaceSource, loraRank } = this.method;
    if (adapters === 'per-task' && schedule === 'in-turn') this.adapters.reserve(pairs);
    this.space?.reserve(spaces * (spaceSource === 'activation' ? this.layers.inputs : loraRank));
  }

  /** Adds the gradients of O-LoRA's and N-LoRA's terms to those of the loss. */
  recordPenalties(g: Graph): void {
    const { orthogonalPenalty, sparsityPenalty } = this.method;
    for (const name of this.layers.names) {
      const pair = {
        A: this.adapters.A.view(name, false),
        B: this.adapters.B.view(name, false),
        gradA: this.gradA.view(name, false),
        gradB: this.gradB.view(name, false),
      };
      const previous = this.adapters.previousA(name);
      if (orthogonalPenalty > 0 && previous) recordOrthogonalPenalty(g, pair, previous, orthogonalPenalty);
      if (sparsityPenalty > 0) recordSparsityPenalty(g, pair, sparsityPenalty);
    }
  }

  /** A: kept out of the space; B: plain Adam. */
  recordUpdate({ g, clip, rates, meters }: UpdateContext): void {
    const { A, B } = this.adapters;
    recordPlainUpdate(
      g,
      { gradient: this.gradA.tensor, weights: A.tensor, shape: A.shape },
      this.momentsA.state(clip, rates, RATE),
      this.space?.stackSpace,
      { projectUpdate: this.method.project === 'update', meters, unprojected: this.#unprojected?.tensor },
    );
    recordPlainUpdate(
      g,
      { gradient: this.gradB.tensor, weights: B.tensor, shape: B.shape },
      this.#momentsB.state(clip, rates, RATE),
    );
  }

  trained(): TrainedAdapter[] {
    return this.layers.names.map((name) => this.adapters.trained(name));
  }

  /** @throws GorpError `run/round-does-not-fit`. */
  async restore(saved: SavedTraining): Promise<void> {
    const { names, out, inputs } = this.layers;
    const rank = this.method.loraRank * (this.method.adapters === 'per-task' ? saved.tasks : 1);
    for (const name of names) {
      const pair = await saved.adapter(name);
      const A = fitting(`lora_A of ${name}`, pair?.A, rank, inputs);
      const B = fitting(`lora_B of ${name}`, pair?.B, out, rank);
      this.adapters.restore(name, { A, B });
    }
    await this.space?.restore(saved);
  }

  /**
   * First moments of A, turned so that their columns are vectors of the space: as Adam has them, and as they would be
   * with nothing projected away.
   */
  async momentsForSpace(): Promise<MomentPair[]> {
    return pairMoments(this.momentsA.m, this.space?.stackSpace && this.#unprojected, this.method.loraSpace === 'input');
  }

  destroy(): void {
    this.adapters.destroy();
    for (const part of [this.gradA, this.gradB, this.momentsA, this.#momentsB]) part.destroy();
    this.#unprojected?.destroy();
    this.space?.destroy();
  }
}
