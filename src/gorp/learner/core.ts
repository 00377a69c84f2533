import { GorpError } from '../../base/errors.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import type { Packing } from '../../device/packing.ts';
import { ScalarRing } from '../../device/scalar-ring.ts';
import { type DataType, plainTensor, type StoredTensor, storeTensor } from '../../graph/tensor.ts';
import type { Network } from '../../models/network.ts';
import { Parameters, type ReadParameter } from '../../models/parameters.ts';
import { distinctInputs } from '../spaces/covariances.ts';
import { AdamTrainer } from '../full-rank/adam-trainer.ts';
import type { FullRankGroup } from '../full-rank/full-rank-group.ts';
import type { Gates } from '../gates/gates.ts';
import { Meters } from '../layer-statistics.ts';
import type { InputSpaces } from '../spaces/input-spaces.ts';
import type { LoraGroup } from '../adapters/lora-group.ts';
import type { TargetModules } from '../../models/targets.ts';
import { type MethodPlan, type MethodState, NO_STATE } from '../method-plan.ts';
import type { SavedProgress } from '../state.ts';
import type { Stack } from '../stack.ts';
import { createGroups, type TrainedGroups } from '../trained-groups.ts';
import type { TrainedParts } from '../trained-layers.ts';

/** How a learner trains, apart from its method. */
export interface LearnerOptions {
  readonly seed: number;
  readonly maxGradNorm: number;
  readonly gradientAccumulation: number;
  /** Number of tasks in the order; if undefined, methods that need it refuse to train. */
  readonly tasks?: number;
  /** Whether activations are recomputed block by block for the backward pass, not stored. */
  readonly recompute?: boolean;
  /** How a frozen parameter is stored; undefined is f32. */
  readonly packing?: (name: string) => Packing | undefined;
}

// Maximum number of steps between two reads of losses: the ring's size.
const RING_STEPS = 32;

/** A learner's progress. */
export interface Progress extends Omit<SavedProgress, 'examples'> {
  /** The method's state between tasks. */
  state: MethodState;
}

/** What the parts of a learner share: its settings, its memory on the device and its progress. */
export class LearnerCore {
  readonly #parameters: Parameters;
  readonly lora: readonly LoraGroup[];
  readonly full: readonly FullRankGroup[];
  /** The spaces of the inputs of all trained layers; undefined if the method has none. */
  readonly inputSpaces: InputSpaces | undefined;
  /** The gates of adapters; undefined if they have none. */
  readonly gates: Gates | undefined;
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
  readonly parts: TrainedParts;
  readonly progress: Progress = {
    task: 0,
    step: 0,
    totalSteps: 0,
    training: false,
    isProtected: false,
    isUnmerged: false,
    rateFactors: [1, 1],
    state: NO_STATE,
  };
  /** How often pairs of projections were merged into the weights, since the learner was made. */
  merges = 0;
  readonly #owned: OwnedBuffer[] = [];

  private constructor(
    readonly device: Device,
    readonly network: Network,
    readonly plan: MethodPlan,
    readonly options: LearnerOptions,
    groups: TrainedGroups,
    parameters: Parameters,
  ) {
    this.#parameters = parameters;
    this.lora = groups.lora;
    this.full = groups.full;
    this.inputSpaces = groups.inputSpaces;
    this.gates = groups.gates;
    this.meters = new Meters(device, this.groups, this.gates?.parts.length);
    this.clip = this.#persistent('clip', 2);
    this.rates = this.#persistent('step sizes', 2);
    this.dropoutStep = this.#persistent('dropout step', 1, 'u32');
    this.loss = this.#persistent('loss', 1);
    const scalars = [this.loss, this.clip].map((t) => ({ ...t.storage, bytes: t.elements * 4 }));
    this.ring = new ScalarRing(device, [...scalars, ...this.meters.sources], RING_STEPS);
    this.parts = { parameters, ...groups, plan, dropoutStep: this.dropoutStep, records: this.meters };
    this.inputSpaces?.define(distinctInputs(network, this.parts));
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
    const groups = createGroups(device, network, plan, targets);
    try {
      const parameters = await Parameters.load(device, network.shapes, read, {
        place: (parameter) => {
          const name = parameter.replace(/\.weight$/, '');
          return groups.full.find((group) => group.layers.names.includes(name))?.weights.range(name);
        },
        packing: options.packing,
        onLoaded,
      });
      return new LearnerCore(device, network, plan, options, groups, parameters);
    } catch (error) {
      for (const group of [...groups.lora, ...groups.full]) group.destroy();
      groups.gates?.destroy();
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

  /** The trainers on whole gradients. */
  get plain(): readonly { readonly trainer: AdamTrainer; readonly weights: Stack }[] {
    return this.full.flatMap(({ trainer, weights }) => (trainer instanceof AdamTrainer ? [{ trainer, weights }] : []));
  }

  get groups(): readonly (LoraGroup | FullRankGroup)[] {
    return [...this.lora, ...this.full];
  }

  /** Whether full-rank gradients are compressed without being formed. */
  get hasFast(): boolean {
    return this.full.some(({ fast }) => fast !== undefined);
  }

  /** Number of trained parameters, as the method counts them. */
  get trainableParameters(): number {
    const count = (size: (group: LoraGroup | FullRankGroup) => number): number =>
      this.groups.reduce((sum, group) => sum + group.layers.names.length * size(group), 0);
    const ofGates = this.gates?.size ?? 0;
    return (
      ofGates +
      count((group) => {
        const { out, inputs } = group.layers;
        if (!('adapters' in group)) return out * inputs;
        return group.adapters.rank * (group.trainsA ? out + inputs : out);
      })
    );
  }

  #persistent(name: string, elements: number, dtype?: DataType): StoredTensor {
    const tensor = storeTensor(this.device, plainTensor(name, [elements], dtype), 'inputs');
    this.#owned.push(tensor.storage.buffer);
    return tensor;
  }

  destroy(): void {
    this.ring.destroy();
    this.meters.destroy();
    for (const group of this.groups) group.destroy();
    this.inputSpaces?.destroy();
    this.gates?.destroy();
    this.#parameters.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}
