import { GorpError } from '../../base/errors.ts';
import { allOrNothing, type OwnedBuffer } from '../../device/buffers.ts';
import type { Copy, Device } from '../../device/device.ts';
import type { Packing } from '../../device/packing.ts';
import { ScalarRing } from '../../device/scalar-ring.ts';
import { type DataType, plainTensor, type StoredTensor, storeTensor } from '../../graph/tensor.ts';
import type { Network } from '../../models/network.ts';
import { Parameters, type ReadParameter } from '../../models/parameters.ts';
import type { TargetModules } from '../../models/targets.ts';
import { FullRankWeights } from '../full-rank/full-rank-part.ts';
import { type MeasuredGroup, Meters } from '../part/layer-statistics.ts';
import { type MethodPlan, needsOf } from '../part/method-plan.ts';
import type { Part, TrainedModel } from '../part/part.ts';
import { Stack } from '../part/stack.ts';
import {
  type DeviceTensor,
  restoreTensors,
  type SavedProgress,
  type SavedTensors,
  type StateOwner,
} from '../part/state.ts';
import { distinctInputs } from '../spaces/covariances.ts';
import { InputSpaces } from '../spaces/input-spaces.ts';
import { openParts } from './open-parts.ts';

/** Matrices that train, and their copy. */
interface Pair {
  readonly trained: Stack;
  readonly copy: Stack;
}

/**
 * The trained matrices of a model as they were after an earlier step of its task, on the device beside those in
 * training. They are part of a saved state, so a resumed task can still go back to them.
 */
class KeptWeights implements StateOwner {
  readonly #device: Device;
  readonly #pairs: readonly Pair[];
  /** Whether there is a copy, and whether projections held unmerged changes when it was made; null without one. */
  #unmerged: boolean | null = null;
  #takes = 0;

  /** @param trained all matrices that steps change and forward passes read. */
  constructor(device: Device, trained: readonly Stack[]) {
    this.#device = device;
    this.#pairs = trained.map((stack) => {
      const { label, names, rows, columns } = stack;
      return { trained: stack, copy: new Stack(device, 'optimizer', `kept ${label}`, names, rows, columns) };
    });
  }

  /** Keeps the matrices as they are now, in place of those kept before. */
  async keep(isUnmerged: boolean): Promise<void> {
    await this.#copy(({ trained, copy }) => [trained, copy]);
    this.#unmerged = isUnmerged;
  }

  /** Takes the kept matrices back, once. @returns whether projections hold unmerged changes again; null if none were kept. */
  async takeBack(): Promise<boolean | null> {
    const unmerged = this.#unmerged;
    if (unmerged === null) return null;
    await this.#copy(({ trained, copy }) => [copy, trained]);
    this.#takes++;
    this.forget();
    return unmerged;
  }

  /** How often weights were taken back: with the number of steps, it tells versions of them apart. */
  get takes(): number {
    return this.#takes;
  }

  #copy(direction: (pair: Pair) => readonly [from: Stack, to: Stack]): Promise<void> {
    const copies = this.#pairs.map((pair): Copy => {
      const [from, to] = direction(pair).map(({ tensor }) => tensor.storage.buffer);
      return { from, fromOffset: 0, to, toOffset: 0, bytes: from.bytes };
    });
    return this.#device.run([], copies);
  }

  /** Forgets the weights that were kept: they belong to the task that has ended. */
  forget(): void {
    this.#unmerged = null;
  }

  /** The values for {@link SavedProgress.kept}. */
  get progress(): Pick<SavedProgress, 'kept'> {
    return this.#unmerged === null ? {} : { kept: { isUnmerged: this.#unmerged } };
  }

  state(): DeviceTensor[] {
    return this.#unmerged === null ? [] : this.tensors;
  }

  /** The kept matrices, to save and restore, or if there are none, the places for them. */
  get tensors(): DeviceTensor[] {
    return this.#pairs.flatMap(({ copy }) => copy.parts());
  }

  async restore(saved: SavedTensors, { kept }: SavedProgress): Promise<void> {
    if (kept === undefined) return;
    this.#unmerged = kept.isUnmerged;
    await restoreTensors(this.state(), saved);
  }

  destroy(): void {
    for (const { copy } of this.#pairs) copy.destroy();
  }
}

/** How a learner trains, apart from its method. */
export interface LearnerOptions {
  readonly seed: number;
  readonly maxGradNorm: number;
  readonly gradientAccumulation: number;
  /** Number of tasks in the order; if undefined, methods that need it refuse to train. */
  readonly tasks?: number;
  /** Whether activations are recomputed block by block for the backward pass, not stored. */
  readonly recompute?: boolean;
  /** Whether a task can go back to the weights of one of its steps. */
  readonly keepsWeights?: boolean;
  /** How a frozen parameter is stored; undefined is f32. */
  readonly packing?: (name: string) => Packing | undefined;
}

// Maximum number of steps between two reads of losses: the ring's size.
const RING_STEPS = 32;

/** A learner's progress; parts remember examples. */
type Progress = Omit<SavedProgress, 'examples' | 'kept'>;

/** The state that the parts of a learner share: its settings, its memory on the device and its progress. */
export class LearnerCore {
  readonly meters: Meters;
  /** f32 [2]: norm of all gradients, and the factor that clips them. */
  readonly clip: StoredTensor;
  /** f32 [2]: Adam's step sizes of adapters and of full-rank weights. */
  readonly rates: StoredTensor;
  /** u32 [1]: seeds the dropout masks of a micro-batch. */
  readonly dropoutStep: StoredTensor;
  /** f32 [1]: the loss of a step. */
  readonly loss: StoredTensor;
  /** Loss, norm and statistics of the steps not read yet. */
  readonly ring: ScalarRing;
  readonly model: TrainedModel;
  /** The weights of an earlier step, if the learner keeps some. */
  readonly kept: KeptWeights | undefined;
  readonly progress: Progress = {
    task: 0,
    step: 0,
    totalSteps: 0,
    training: false,
    isProtected: false,
    isUnmerged: false,
    rateFactors: [1, 1],
  };
  /** How often pairs of projections were merged into the weights, since the learner was made. */
  merges = 0;
  readonly #owned: OwnedBuffer[] = [];

  private constructor(
    readonly device: Device,
    readonly network: Network,
    readonly plan: MethodPlan,
    readonly options: LearnerOptions,
    readonly parts: readonly Part[],
    parameters: Parameters,
  ) {
    const further = parts.reduce((sum, { furtherGradients = 0 }) => sum + furtherGradients, 0);
    this.meters = new Meters(device, this.groups, further);
    this.clip = this.#persistent('clip', 2);
    this.rates = this.#persistent('step sizes', 2);
    this.dropoutStep = this.#persistent('dropout step', 1, 'u32');
    this.loss = this.#persistent('loss', 1);
    const scalars = [this.loss, this.clip].map((t) => ({ ...t.storage, bytes: t.elements * 4 }));
    this.ring = new ScalarRing(device, [...scalars, ...this.meters.sources], RING_STEPS);
    const { dropoutStep, meters } = this;
    this.model = { parameters, parts, dropoutStep, meters };
    const trained = parts.flatMap((part) => part.trained ?? []);
    this.kept = options.keepsWeights ? new KeptWeights(device, trained) : undefined;
    this.inputSpaces?.define(distinctInputs(network, this.model), this.groups);
  }

  /**
   * Loads a model for training.
   *
   * @param read values of a parameter by Hugging Face name; null reads none, for a memory plan.
   * @throws GorpError `settings/rank-too-large`, `device/out-of-memory`, …; then nothing stays allocated.
   */
  static async load(
    device: Device,
    network: Network,
    plan: MethodPlan,
    targets: TargetModules,
    options: LearnerOptions,
    read: ReadParameter | null,
    onLoaded?: (name: string) => void,
  ): Promise<LearnerCore> {
    const parts = openParts(device, network, plan, targets);
    if (parts.some((part) => part.scales !== undefined) && !network.byPrompt)
      throw new Error('the network is not one by prompt');
    let parameters: Parameters | undefined;
    try {
      const fullRank = parts.find((part) => part instanceof FullRankWeights);
      parameters = await Parameters.load(device, network.shapes, read, {
        place: (parameter) => {
          const name = parameter.replace(/\.weight$/, '');
          return fullRank?.groupOf(name)?.weights.range(name);
        },
        packing: options.packing,
        onLoaded,
      });
      const loaded = parameters;
      return allOrNothing(device, () => new LearnerCore(device, network, plan, options, parts, loaded));
    } catch (error) {
      for (const part of parts) part.destroy?.();
      parameters?.destroy();
      throw error;
    }
  }

  /** Number of tasks in the order. @throws GorpError `settings/open-order` if it is not known. */
  get tasks(): number {
    if (this.options.tasks !== undefined) return this.options.tasks;
    throw new GorpError(
      'settings/open-order',
      'This method needs to know the number of tasks, but the order is open-ended.',
      'Name all tasks of the order, or choose a method that does not need their number.',
    );
  }

  /** The number of tasks, if a part needs it. @throws as {@link tasks}. */
  checkTasks(): void {
    if (needsOf(this.plan).taskCount) void this.tasks;
  }

  /** The groups of all trained tensors that are measured. */
  get groups(): readonly MeasuredGroup[] {
    return this.parts.flatMap(({ groups = [] }) => groups);
  }

  /** The spaces of the inputs of trained layers; undefined if the method has none. */
  get inputSpaces(): InputSpaces | undefined {
    return this.parts.find((part) => part instanceof InputSpaces);
  }

  /** Whether steps change weights apart from them, until these changes are merged. */
  get hasUnmerged(): boolean {
    return this.parts.some(({ hasUnmerged }) => hasUnmerged === true);
  }

  /** Number of trained parameters, as the method counts them. */
  get trainableParameters(): number {
    return this.parts.reduce((sum, { trainable = 0 }) => sum + trainable, 0);
  }

  #persistent(name: string, elements: number, dtype?: DataType): StoredTensor {
    const tensor = storeTensor(this.device, plainTensor(name, [elements], dtype), 'inputs');
    this.#owned.push(tensor.storage.buffer);
    return tensor;
  }

  destroy(): void {
    this.ring.destroy();
    this.meters.destroy();
    this.kept?.destroy();
    for (const part of this.parts.toReversed()) part.destroy?.();
    this.model.parameters.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}
