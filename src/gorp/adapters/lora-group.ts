import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { adam, applyUpdate, squares } from '../../graph/ops/optimizer.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Matrix } from '../../linear-algebra/matrix.ts';
import type { MeasuredGroup, Meters } from '../part/layer-statistics.ts';
import { adapterName, type AdapterPlan } from '../part/method-plan.ts';
import { Stack } from '../part/stack.ts';
import {
  type DeviceTensor,
  restoreTensors,
  type SavedProgress,
  type SavedTensors,
  type StateOwner,
  type StateTensor,
} from '../part/state.ts';
import {
  type GroupSpace,
  type LayerGroup,
  LORA_RATE,
  type MomentPair,
  Moments,
  type UpdateContext,
} from '../part/trainable-group.ts';
import { recordStep } from '../part/update.ts';
import { InputSpaces, type SpaceSource } from '../spaces/input-spaces.ts';
import { MomentSpace } from '../spaces/moment-space.ts';
import { AdapterGroup } from './adapter-group.ts';
import type { OutputMagnitudes } from './output-magnitudes.ts';

/** Turns matrices of A and B by layer into matrices by {@link adapterName}. */
export const namedPair = (A: ReadonlyMap<string, Matrix>, B: ReadonlyMap<string, Matrix>): [string, Matrix][] => [
  ...[...A].map(([layer, values]): [string, Matrix] => [adapterName(layer, 'lora_A'), values]),
  ...[...B].map(([layer, values]): [string, Matrix] => [adapterName(layer, 'lora_B'), values]),
];

/** The fate of the pairs of earlier tasks, if a task has its own: kept one by one, folded, or dropped. */
type EarlierPairs = 'kept' | 'folded' | 'dropped';

/** Adapters of layers of one shape with their gradients, moments and shared space. */
export class LoraGroup implements StateOwner, MeasuredGroup {
  readonly part = 'lora';
  readonly gradients = 2;
  readonly #rank: number;
  readonly adapters: AdapterGroup;
  readonly gradA: Stack;
  readonly gradB: Stack;
  readonly momentsA: Moments;
  readonly #momentsB: Moments;
  readonly space: GroupSpace | undefined;
  /** Decides which rows this task trains; undefined if all are trained. Set by the part that masks rows. */
  mask: OutputMagnitudes | undefined;
  /** Whether A is trained, not only B. */
  readonly trainsA: boolean;
  readonly #inputSpaces: InputSpaces | undefined;
  readonly #previous: EarlierPairs;

  /** @param previous what becomes of the pairs of earlier tasks. @param space what gradients of A avoid. */
  constructor(
    device: Device,
    readonly layers: LayerGroup,
    { rank, design }: Pick<AdapterPlan, 'rank' | 'design'>,
    previous: EarlierPairs,
    space: SpaceSource,
  ) {
    this.#rank = rank;
    this.trainsA = design === 'random';
    this.#previous = previous;
    const { names, out, inputs } = layers;
    this.adapters = new AdapterGroup(device, names, out, inputs, rank, previous === 'folded');
    this.gradA = new Stack(device, 'trained', 'gradient of lora_A', names, rank, inputs);
    this.gradB = new Stack(device, 'trained', 'gradient of lora_B', names, out, rank);
    this.momentsA = new Moments(device, 'lora_A', names, rank, inputs);
    this.#momentsB = new Moments(device, 'lora_B', names, out, rank);
    if (space instanceof InputSpaces) {
      this.#inputSpaces = space;
      this.space = space.ofGroup(names, inputs);
    } else if (space) {
      const side = space.loraSpace === 'input' ? 'columns' : 'rows';
      const target = { names, rows: rank, columns: inputs, side, unprojected: 'lora_A unprojected' } as const;
      this.space = new MomentSpace(device, space, target);
    }
  }

  get trainable(): number {
    const { names, out, inputs } = this.layers;
    return names.length * this.#rank * (this.trainsA ? out + inputs : out);
  }

  /** Sets moments to 0, uploads the space of earlier tasks, and sets a fresh pair if the task has its own. */
  async beginTask(seed: number, freshPair: boolean): Promise<void> {
    this.space?.beginTask?.();
    this.momentsA.clear();
    this.#momentsB.clear();
    if (!freshPair) return;
    const ofMoments = this.space instanceof MomentSpace && this.space.side === 'columns' ? this.space : undefined;
    this.adapters.reset(seed, ofMoments?.spaces);
    await this.#inputSpaces?.projectOut(this.adapters.A);
  }

  /** Allocates memory for the pairs and spaces of earlier tasks at their largest size, for a memory plan. */
  reserve({ pairs, spaces }: { pairs: number; spaces: number }): void {
    if (this.#previous !== 'dropped') this.adapters.reserve(pairs);
    if (this.space instanceof MomentSpace) this.space.reserve(spaces * this.#rank);
  }

  /** A, B and the places of their gradients for a layer. */
  pairOf(name: string): { A: Tensor; B: Tensor; gradA: Tensor; gradB: Tensor } {
    return {
      A: this.adapters.A.view(name, false),
      B: this.adapters.B.view(name, false),
      gradA: this.gradA.view(name, false),
      gradB: this.gradB.view(name, false),
    };
  }

  /** Values of the pair in training, by {@link adapterName}; waits for the device. */
  async readPair(): Promise<[name: string, values: Matrix][]> {
    return namedPair(await this.adapters.A.read(), await this.adapters.B.read());
  }

  clearGradients(): void {
    this.gradA.clear();
    this.gradB.clear();
  }

  recordSquares(g: Graph, meters: Meters): void {
    const [ofA, ofB] = meters.squaresOf(this);
    if (this.trainsA) squares(g, this.gradA.tensor, this.gradA.shape, ofA);
    squares(g, this.gradB.tensor, this.gradB.shape, ofB);
  }

  /** A: projected out of the space if there is one; B: plain Adam. */
  recordUpdate({ g, clip, rates, meters }: UpdateContext): void {
    const { A, B } = this.adapters;
    if (this.mask) {
      for (const [part, gradient, moments] of [
        ['A', this.gradA, this.momentsA] as const,
        ['B', this.gradB, this.#momentsB] as const,
      ]) {
        const update = adam(g, gradient.tensor, gradient.shape, moments.state(clip, rates, LORA_RATE));
        const { tensor, shape } = this.adapters[part];
        applyUpdate(g, this.mask.masked(g, part, update, shape), shape, tensor);
      }
      return;
    }
    if (this.trainsA) {
      const step = { gradient: this.gradA.tensor, into: A.tensor, shape: A.shape };
      const excluded = this.space?.excluded(meters);
      recordStep(g, step, this.momentsA.state(clip, rates, LORA_RATE), excluded);
    }
    const step = { gradient: this.gradB.tensor, into: B.tensor, shape: B.shape };
    recordStep(g, step, this.#momentsB.state(clip, rates, LORA_RATE));
  }

  /** First moments of A, from which its space grows; waits for the device. */
  async momentsForSpace(): Promise<MomentPair[]> {
    return this.space instanceof MomentSpace ? this.space.moments(this.momentsA.m) : [];
  }

  state(training: boolean): StateTensor[] {
    return [...this.adapters.state(training), ...(this.space?.state?.() ?? []), ...(training ? this.#ofStep() : [])];
  }

  /** The tensors that a step passes to the next, besides the pair. */
  #ofStep(): DeviceTensor[] {
    return [this.momentsA, this.#momentsB, this.space].flatMap((part) => part?.parts?.() ?? []);
  }

  async restore(saved: SavedTensors, { task, training }: SavedProgress): Promise<void> {
    await this.adapters.restore(saved, this.#previous === 'dropped' ? 1 : Math.max(1, task), training);
    await this.space?.restore?.(saved, training ? task - 1 : task);
    if (training) await restoreTensors(this.#ofStep(), saved);
  }

  destroy(): void {
    this.adapters.destroy();
    for (const part of [this.gradA, this.gradB, this.momentsA, this.#momentsB]) part.destroy();
    this.space?.destroy?.();
  }
}
