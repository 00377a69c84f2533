import type { Device } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { AdapterGroup } from './adapters.ts';
import { adam, applyUpdate } from '../../graph/ops/optimizer.ts';
import { OutputMagnitudes } from './output-magnitudes.ts';
import type { InputSpaces } from '../spaces/input-spaces.ts';
import type { LayerGroup } from '../method-groups.ts';
import type { Matrix } from '../../linear-algebra/matrix.ts';
import {
  type AdapterPlan,
  adapterName,
  type LossTerm,
  type MethodPlan,
  type MethodState,
  type RowMaskPlan,
  weightIn,
} from '../method-plan.ts';
import { MomentSpace } from '../spaces/moment-space.ts';
import {
  recordCrossedPenalty,
  recordNormPenalty,
  recordOrthogonalPenalty,
  recordSparsityPenalty,
} from './penalties.ts';
import { QuadraticTerm } from './quadratic-term.ts';
import { Stack } from '../stack.ts';
import {
  restoreTensors,
  type DeviceTensor,
  type SavedProgress,
  type SavedTensors,
  type StateOwner,
  type StateTensor,
} from '../state.ts';
import { type GroupSpace, LORA_RATE, type MomentPair, Moments, type UpdateContext } from '../trainable-group.ts';
import { recordStep } from '../update.ts';

/** Turns matrices of A and B by layer into matrices by {@link adapterName}. */
export const namedPair = (A: ReadonlyMap<string, Matrix>, B: ReadonlyMap<string, Matrix>): [string, Matrix][] => [
  ...[...A].map(([layer, values]): [string, Matrix] => [adapterName(layer, 'lora_A'), values]),
  ...[...B].map(([layer, values]): [string, Matrix] => [adapterName(layer, 'lora_B'), values]),
];

/** Adapters of layers of one shape with their gradients, moments and shared space. */
export class LoraGroup implements StateOwner {
  readonly #device: Device;
  readonly #plan: AdapterPlan;
  readonly adapters: AdapterGroup;
  readonly gradA: Stack;
  readonly gradB: Stack;
  readonly momentsA: Moments;
  readonly #momentsB: Moments;
  readonly space: GroupSpace | undefined;
  /** Decides which rows this task trains; undefined if all are trained. */
  magnitudes: OutputMagnitudes | undefined;
  readonly #rowMask: RowMaskPlan | null;
  #task = 1;
  /** Whether A is trained, not only B. */
  readonly trainsA: boolean;
  readonly #inputSpaces: InputSpaces | undefined;
  readonly #quadratic = new Map<LossTerm, readonly [onA: QuadraticTerm, onB: QuadraticTerm]>();
  /** Whether the pairs of earlier tasks stay active. */
  readonly #keepsPairs: boolean;

  constructor(
    device: Device,
    readonly layers: LayerGroup,
    plan: AdapterPlan,
    { schedule, space, rowMask }: Pick<MethodPlan, 'schedule' | 'space' | 'rowMask'>,
    inputSpaces?: InputSpaces,
  ) {
    this.#inputSpaces = inputSpaces;
    this.#device = device;
    this.#plan = plan;
    this.#rowMask = rowMask;
    this.trainsA = plan.design === 'random';
    const { names, out, inputs } = layers;
    const r = plan.rank;
    this.#keepsPairs = plan.pairs === 'per-task' && schedule === 'in-turn';
    this.adapters = new AdapterGroup(device, names, out, inputs, r);
    this.gradA = new Stack(device, 'trained', 'gradient of lora_A', names, r, inputs);
    this.gradB = new Stack(device, 'trained', 'gradient of lora_B', names, out, r);
    this.momentsA = new Moments(device, 'lora_A', names, r, inputs);
    this.#momentsB = new Moments(device, 'lora_B', names, out, r);
    if (inputSpaces) this.space = inputSpaces.ofGroup(names, inputs);
    else if (space?.spaceSource === 'moment') {
      const side = space.loraSpace === 'input' ? 'columns' : 'rows';
      const target = { names, rows: r, columns: inputs, side, unprojected: 'lora_A unprojected' } as const;
      this.space = new MomentSpace(device, space, target);
    }
  }

  /** Sets a fresh pair and moments, and the space of earlier tasks. */
  async beginTask(seed: number, freshPair: boolean, task: number): Promise<void> {
    this.#task = task;
    this.#maskRows(task > 1);
    this.space?.beginTask();
    this.momentsA.clear();
    this.#momentsB.clear();
    if (!freshPair) return;
    this.adapters.reset(
      seed,
      this.space instanceof MomentSpace && this.space.side === 'columns' ? this.space.spaces : undefined,
    );
    await this.#inputSpaces?.projectOut(this.adapters.A);
  }

  /** Resumes a task that another learner had begun; the caller restores the state afterwards. */
  resumeTask(task: number): void {
    this.#task = task;
    this.#maskRows(task > 1);
  }

  #maskRows(isMasked: boolean): void {
    this.magnitudes?.destroy();
    this.magnitudes =
      isMasked && this.#rowMask
        ? new OutputMagnitudes(this.#device, this.layers, this.#plan.rank, this.#rowMask)
        : undefined;
  }

  /** Allocates memory for the pairs and spaces of earlier tasks at their largest size, for a memory plan. */
  reserve({ pairs, spaces }: { pairs: number; spaces: number }): void {
    if (this.#keepsPairs) this.adapters.reserve(pairs);
    this.#maskRows(pairs > 0);
    if (this.space instanceof MomentSpace) this.space.reserve(spaces * this.#plan.rank);
  }

  /** Bytes on the device of tensors that terms of the loss use. */
  get termBytes(): number {
    return [...this.#quadratic.values()].flat().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Uploads the part of a method's state that terms of the loss use, for the new task.
   *
   * @param isReserved allocates the memory whatever the state holds, for a memory plan.
   */
  prepareTerms(terms: readonly LossTerm[], state: MethodState, isReserved = false): void {
    this.#destroyTerms();
    for (const term of terms) {
      if (term.kind !== 'quadratic' || (state.tensors.size === 0 && !isReserved)) continue;
      const [onA, onB] = [
        new QuadraticTerm(this.#device, this.adapters.A, 'lora_A'),
        new QuadraticTerm(this.#device, this.adapters.B, 'lora_B'),
      ];
      this.#quadratic.set(term, [onA, onB]);
      if (isReserved) continue;
      onA.write(state, term, (layer) => adapterName(layer, 'lora_A'));
      onB.write(state, term, (layer) => adapterName(layer, 'lora_B'));
    }
  }

  /** Adds the gradients of a method's own terms to those of the loss, without the untrained rows. */
  recordTerms(g: Graph, terms: readonly LossTerm[]): void {
    for (const name of this.layers.names) {
      const pair = {
        A: this.adapters.A.view(name, false),
        B: this.adapters.B.view(name, false),
        gradA: this.gradA.view(name, false),
        gradB: this.gradB.view(name, false),
      };
      const previous = this.adapters.previousA(name);
      for (const term of terms) {
        const { kind } = term;
        const weight = weightIn(term, this.#task);
        if (weight === 0) continue;
        if (kind === 'orthogonal' && previous) recordOrthogonalPenalty(g, pair, previous, weight);
        if (kind === 'norm') recordNormPenalty(g, pair, weight);
        if (kind === 'sparse') recordSparsityPenalty(g, pair, weight);
        if (kind === 'crossed') recordCrossedPenalty(g, pair, weight);
      }
    }
    this.#recordQuadratic(g);
    this.magnitudes?.recordMask(g, 'A', this.gradA);
    this.magnitudes?.recordMask(g, 'B', this.gradB);
  }

  #recordQuadratic(g: Graph): void {
    for (const [{ weight }, [onA, onB]] of this.#quadratic) {
      if (weight === 0) continue;
      onA.record(g, this.gradA, weight);
      onB.record(g, this.gradB, weight);
    }
  }

  /** Values of the pair in training, by {@link adapterName}; waits for the device. */
  async readPair(): Promise<[name: string, values: Matrix][]> {
    return namedPair(await this.adapters.A.read(), await this.adapters.B.read());
  }

  #destroyTerms(): void {
    for (const pair of this.#quadratic.values()) for (const one of pair) one.destroy();
    this.#quadratic.clear();
  }

  /** A: projected out of the space if there is one; B: plain Adam. */
  recordUpdate({ g, clip, rates, meters }: UpdateContext): void {
    const { A, B } = this.adapters;
    if (this.magnitudes) {
      for (const [part, gradient, moments] of [
        ['A', this.gradA, this.momentsA] as const,
        ['B', this.gradB, this.#momentsB] as const,
      ]) {
        const update = adam(g, gradient.tensor, gradient.shape, moments.state(clip, rates, LORA_RATE));
        const { tensor, shape } = this.adapters[part];
        applyUpdate(g, this.magnitudes.masked(g, part, update, shape), shape, tensor);
      }
      return;
    }
    if (this.trainsA) {
      const step = { gradient: this.gradA.tensor, into: A.tensor, shape: A.shape };
      recordStep(g, step, this.momentsA.state(clip, rates, LORA_RATE), this.space?.excluded(meters));
    }
    const step = { gradient: this.gradB.tensor, into: B.tensor, shape: B.shape };
    recordStep(g, step, this.#momentsB.state(clip, rates, LORA_RATE));
  }

  /** First moments of A, from which its space grows; waits for the device. */
  async momentsForSpace(): Promise<MomentPair[]> {
    return this.space instanceof MomentSpace ? this.space.moments(this.momentsA.m) : [];
  }

  state(training: boolean): StateTensor[] {
    return [...this.adapters.state(training), ...(this.space?.state() ?? []), ...(training ? this.#ofStep() : [])];
  }

  /** What a step passes to the next, besides the pair. */
  #ofStep(): DeviceTensor[] {
    return [this.momentsA, this.#momentsB, this.space].flatMap((part) => part?.parts() ?? []);
  }

  async restore(saved: SavedTensors, { task, training }: SavedProgress): Promise<void> {
    await this.adapters.restore(saved, this.#keepsPairs ? Math.max(1, task) : 1, training);
    await this.space?.restore(saved, training ? task - 1 : task);
    if (training) await restoreTensors(this.#ofStep(), saved);
  }

  destroy(): void {
    this.#destroyTerms();
    this.magnitudes?.destroy();
    this.adapters.destroy();
    for (const part of [this.gradA, this.gradB, this.momentsA, this.#momentsB]) part.destroy();
    this.space?.destroy();
  }
}
