import type { Batch, BatchSizes, TokenPair } from '../../base/batch.ts';
import type { Random } from '../../base/random.ts';
import type { Device, Program } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import type { StoredTensor, Tensor } from '../../graph/tensor.ts';
import type { Half, Turn } from '../../linear-algebra/block-power.ts';
import type { Layers } from '../../models/layers.ts';
import type { Network, TrainingBatch } from '../../models/network.ts';
import type { Parameters } from '../../models/parameters.ts';
import type { MeasuredGroup, Meters } from './layer-statistics.ts';
import type { RememberedExample } from './method-plan.ts';
import type { Stack } from './stack.ts';
import type { SavedProgress, StateOwner } from './state.ts';

/** A sum XᵀX on the device, f32 [in, in], and the layers whose input is X. */
export interface CovarianceSum {
  readonly tensor: StoredTensor;
  readonly names: string[];
}

/** An input of trained layers. */
export interface DistinctInput {
  /** The first layer that reads it. */
  readonly name: string;
  /** All layers that read it. */
  readonly names: readonly string[];
  readonly width: number;
}

/** A model as it is trained: its parameters, and the parts of the method. */
export interface TrainedModel {
  readonly parameters: Parameters;
  readonly parts: readonly Part[];
  /** Seeds the dropout masks of a step, u32 [1]. */
  readonly dropoutStep: Tensor;
  /** The measurements of every trained tensor. */
  readonly meters: Meters;
}

/** How a graph uses the trained layers. */
export interface LayerUses {
  /** Receives trainable tensors and the places of their gradients; undefined if the graph trains nothing. */
  readonly trainables?: Map<Tensor, Tensor>;
  /** Seeds the dropout masks of a step, u32 [1]; undefined for no dropout. */
  readonly dropout?: Tensor | undefined;
  /** Whether projections compute a new basis from the gradients of this graph alone. */
  readonly refresh?: boolean;
  /** The half of a pass to which the gradients of this graph add, if several give a new basis; it trains nothing. */
  readonly half?: Half | undefined;
  /** Whether to add the pairs of fast projections that are not merged into the weights, without training. */
  readonly unmerged?: boolean;
  /** Which adapter pairs act: all, those of earlier tasks, which is the model before the task, or none. */
  readonly pairs?: 'all' | 'earlier' | 'none';
  /** For how many examples the input rows of a layer stand, and whether sums over them add to earlier micro-batches. */
  readonly outputs?: { readonly counts: (layer: string) => Tensor; readonly adds: boolean };
  /** Receives the input of every trained layer, by name. */
  readonly captured?: Map<string, Tensor>;
}

/** How much each task's pair counts for each prompt. */
export interface PairScales {
  /** Of earlier tasks, [tasks, B, 1]; undefined in the first. */
  readonly previous: Tensor | undefined;
  /** Of the current task, [1, B, 1]. */
  readonly own: Tensor;
}

/** A layer in a forward pass. */
export interface LayerPass {
  readonly g: Graph;
  /** Its Hugging Face name, without `.weight`. */
  readonly name: string;
  /** Its input [..., in]. */
  readonly x: Tensor;
  readonly uses: LayerUses;
  /** By the part that computes them from the prompts; undefined if all pairs count fully. */
  readonly scales: PairScales | undefined;
  /** Receive what is measured of gradients. */
  readonly meters: Meters;
}

/** The tensors that the update programs of all parts share. */
export interface UpdateParts {
  readonly g: Graph;
  /** f32 [2]: norm of all gradients, and the factor that clips them. */
  readonly clip: Tensor;
  /** f32 [2]: Adam's step sizes of adapters and of full-rank weights. */
  readonly rates: Tensor;
  readonly meters: Meters;
  /** Whether the step measures what spaces remove. */
  readonly measures: boolean;
}

/** A task that begins or ends, for the parts. */
export interface TaskOf {
  readonly device: Device;
  readonly network: Network;
  readonly model: TrainedModel;
  /** Counted from 1. */
  readonly task: number;
  /** Number of tasks in the order. @throws GorpError `settings/open-order` if it is not known. */
  readonly tasks: () => number;
  readonly seed: number;
  /** Whether a block's activations are recomputed in backward passes. */
  readonly recompute: boolean;
  /** Batches of prompts, if a part asks for them. */
  readonly prompts: readonly Batch[];
  /** Told how far long work of a part is. */
  readonly onPart: OnPart;
}

/** The parts that measurements at the end of a task need. */
export interface MeasuringOf extends Pick<TaskOf, 'device' | 'network' | 'model' | 'recompute'> {
  /** f32 [1]: a sum of losses, which is never read. */
  readonly loss: Tensor;
}

/** A finished task. */
export interface EndedTask extends TaskOf {
  /** Batches of one example each, as many as a part asks for. */
  readonly singles: readonly Batch[];
  /** Its training examples, in the order of the data. */
  readonly examples: readonly TokenPair[];
  /** Whether their answers are free texts, not labels. */
  readonly isFree: boolean;
  /** Answers prompts with the model as it is now. Prompts to which it answers nothing are left out. */
  readonly answer: (prompts: readonly TokenPair[]) => Promise<readonly TokenPair[]>;
  /** f32 [1]: a sum of losses, which is never read. */
  readonly loss: Tensor;
  /** Random numbers of this run, task and stream name, independent of other streams. */
  readonly random: (stream: string) => Random;
}

/** The directions that a task added to the shared space of one tensor. */
export interface Growth {
  /** Number of directions added, and in total. */
  added: number;
  total: number;
  /** Share of the task's energy that the space held before; 0 if the task has no energy. */
  heldBefore: number;
  /**
   * Energy of the directions outside the space before, as shares of the task's energy, descending. The first `added` of
   * them were added, unless the space is soft. There are as many as could be distinguished and had room.
   */
  spectrum: number[];
  /** Share of the task's energy that the space had to hold; for a soft one, the share it holds now. */
  threshold: number;
}

/** The angles between the main directions of a task and of an earlier one, for one tensor. */
export interface TaskAngles {
  /** The earlier task, from 1. */
  task: number;
  /** Cosines of the principal angles, descending. 1 = a direction that both tasks use, 0 = none in common. */
  cosines: number[];
}

/** The growth of one tensor's space after a task. */
export interface NamedGrowth extends Growth {
  name: string;
  part: 'lora' | 'full-rank';
  dimension: number;
  /** ‖SᵀS − I‖max of the space on the device; for a space of inputs, how far P is from what it should be. */
  orthonormality: number;
  /** Number of the task's own main directions. */
  directions: number;
  /** The share of each of them that lies in the space now: what it suppresses of it from now on. */
  suppressed: number[];
  /** Their angles to the main directions of each earlier task. */
  angles: TaskAngles[];
}

/** Told how many parts of a work are done, and how many there are; may throw to end it. */
export type OnPart = (done: number, total: number) => Promise<void>;

/** The inputs of layers over a sample of examples: XᵀX of each. */
export interface ReadInputs {
  readonly sums: readonly CovarianceSum[];
  /** Told how many of the sums are done. */
  readonly onPart: (done: number) => Promise<void>;
}

/** Programs that spaces take when they grow. */
export interface PlannedGrowth {
  /** Number of spaces that grow by them; 0 for measurements. */
  readonly count: number;
  readonly programs: readonly Program[];
}

/** A measurement whose memory is reserved until the next is asked for. */
export interface Reserved {
  /** Bytes that it reads back at once. */
  readonly largestBytes: number;
  /** The work of each single example of a task. */
  readonly ofSingle?: readonly Program[];
  /** The work of spaces of inputs. */
  readonly spaces?: {
    /** Reads a batch of prompts, and the bytes of its inputs; programs of other sizes have inputs of their own. */
    readonly read: Program;
    readonly readInputs: number;
    /** Builds a group of spaces. */
    readonly growth: PlannedGrowth;
  };
}

/** The sizes for which a memory plan reserves memory, at their largest. */
export interface Reservation {
  /** Earlier pairs, and tasks in the spaces. */
  readonly pairs: number;
  readonly spaces: number;
  /** Whether the base model is protected, so that there are spaces in the first task too. */
  readonly isProtected: boolean;
}

/**
 * A part of a method on a device, for its whole life: what it adds to the forward pass, to the loss, to the gradient and
 * to the update, what it does at the beginning and the end of a task, what it saves, and what it costs. A method is
 * composed of parts, and a learner carries them out in their order without knowing which they are. What a part does not
 * need is absent.
 */
export interface Part extends Partial<StateOwner> {
  readonly trainable?: number;
  /** Groups of trained tensors that are measured. */
  readonly groups?: readonly MeasuredGroup[];
  /** Number of further gradients that count in the norm. */
  readonly furtherGradients?: number;
  /** The learning rate of adapters, or of full-rank weights. */
  readonly learningRate?: { readonly of: 'adapters' | 'full-rank'; readonly rate: number };

  // The forward pass.
  trains?(layer: string): boolean;
  /**
   * The weight of a layer as a graph trains it, the place of its gradient, if it forms one, and the weight itself if it
   * is not the parameter; undefined if frozen.
   */
  weight?(
    layer: string,
    uses: LayerUses,
  ): { readonly trainable: boolean; readonly gradient: Tensor | undefined; readonly stored?: Tensor } | undefined;
  /** Records what the part computes from the implicit gradient of a layer's weight. */
  ofGradient?(pass: LayerPass): ((dy: Tensor) => Tensor | undefined) | undefined;
  /** The output of a layer, with what this part adds to y. */
  forward?(pass: LayerPass, y: Tensor): Tensor;
  /** The scales of pairs for prompts. @param means mean embeddings of the prompts [1, B, D]. */
  scales?(g: Graph, means: Tensor, uses: LayerUses): PairScales;
  /** The reported loss of a batch, and the objective with a term of this part; undefined if it has none now. */
  objective?(g: Graph, batch: TrainingBatch, layers: Layers, model: TrainedModel): Objective | undefined;

  // A step.
  /** Clears sums over micro-batches. */
  clearGradients?(): void;
  /** Changes gradients after the backward pass: adds those of terms of the loss, or masks rows. */
  recordTerms?(g: Graph): void;
  /** Adds the energies of its gradients to those of the step. */
  recordSquares?(g: Graph, meters: Meters): void;
  recordUpdate?(update: UpdateParts): void;
  /** Steps between two computations of new bases; undefined if it has none. */
  readonly gap?: number | undefined;
  /** New bases from several micro-batches: clears what a half of a pass sums up, and records what follows it. */
  beginHalf?(half: Half): void;
  recordTurn?(g: Graph, turn: Turn, meters: Meters): void;
  /** Whether it holds changes of weights apart from them, until they are merged. */
  readonly hasUnmerged?: boolean;
  /** The matrices that steps change and forward passes read. */
  readonly trained?: readonly Stack[];
  /** Merges these changes into the weights, and then forgets them. */
  recordMerge?(g: Graph): void;
  merged?(): void;

  // A task.
  beginTask?(task: TaskOf): Promise<void>;
  /** Resumes a task that another learner had begun, before its state is restored. */
  resumeTask?(task: Pick<TaskOf, 'task' | 'tasks'>): void;
  /** Whether it reads the inputs of layers at the beginning of this task. */
  readonly readsInputsAtBegin?: boolean;
  /** @returns factors of the learning rates of adapters and of full-rank weights, if it changes them. */
  beginWithInputs?(sums: readonly CovarianceSum[]): Promise<RateFactors | undefined>;
  endTask?(task: EndedTask): Promise<readonly NamedGrowth[]>;
  /** How much a space of inputs grew. */
  endWithInputs?(task: EndedTask, inputs: ReadInputs, isProtected: boolean): Promise<readonly NamedGrowth[]>;
  /** Protects, before the first task, what examples use of the model. */
  protect?(inputs: ReadInputs): Promise<void>;
  /** Receives, before the first task, general prompts with the answers of the base model. */
  remember?(answered: readonly TokenPair[]): void;

  // What it stores and costs.
  /** Examples of earlier tasks that it remembers; restored from {@link SavedProgress}. */
  readonly remembered?: readonly RememberedExample[];
  /** Bytes that it stores between tasks besides the trained model. */
  readonly storedBytes?: number;
  /** Bytes of its state on disk, and of the host, in the last of a number of tasks for which memory is reserved. */
  savedBytes?(tasks: number): number;
  hostBytes?(tasks: number): number;
  reserve?(reservation: Reservation): void;
  /** Its measurements at the end of a task, one after another, for a memory plan. */
  reserveMeasuring?(of: MeasuringOf, sizes: readonly BatchSizes[], single: BatchSizes): AsyncGenerator<Reserved>;
  /** Frees what it owns on the device. */
  destroy?(): void;
}

/** A reported loss, and what is minimised. */
export interface Objective {
  readonly loss: Tensor;
  readonly objective: Tensor;
}

export type RateFactors = SavedProgress['rateFactors'];
