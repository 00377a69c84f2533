import type { Batch, BatchSizes, TokenPair } from '../base/batch.ts';
import type { Device, Program } from '../device/device.ts';
import { inputBytes } from '../device/buffers.ts';
import { PASSES } from '../linear-algebra/block-power.ts';
import type { Layers } from '../models/layers.ts';
import type { Network } from '../models/network.ts';
import type { ReadParameter } from '../models/parameters.ts';
import type { TargetModules } from '../models/targets.ts';
import { LearnerCore, type LearnerOptions } from './learner/core.ts';
import { LearnerPrograms, type StepRecord, takeRecords, takeStep } from './learner/step.ts';
import { beginTask, endTask, protect, type TaskData } from './learner/task.ts';
import { type GradientUse, trainedLayers } from './part/gradient-programs.ts';
import type { MethodPlan, RememberedExample } from './part/method-plan.ts';
import type { NamedGrowth, OnPart, Reserved } from './part/part.ts';
import type { LearnerState, SavedState, StateOwner } from './part/state.ts';

/** The parts that save and restore their own tensors. */
const ownersOf = ({ parts, meters, kept }: LearnerCore): Partial<StateOwner>[] => [
  ...[...parts, meters],
  ...(kept ? [kept] : []),
];

function versionsOf({ progress, hasUnmerged, merges, kept }: LearnerCore): LearnerState['versions'] {
  const begun = progress.isProtected ? `protected, task ${progress.task}` : `task ${progress.task}`;
  const task = `${begun}, ${progress.training ? 'training' : 'ended'}`;
  const taken = `${task}, taken back ${kept?.takes ?? 0} times`;
  const step = `${taken}, step ${progress.totalSteps}`;
  return { adapter: step, weights: hasUnmerged ? `${taken}, merge ${merges}` : step, earlier: task, step };
}

export type { LearnerOptions } from './learner/core.ts';
export type { StepRecord } from './learner/step.ts';

/**
 * A model that learns tasks one after another by a method: parameters, adapters, optimizer state and shared spaces on
 * the device, and the programs that train them (docs/method.md, sections 2 to 4). Each of its jobs is a file of `learner/`.
 */
export class Learner {
  readonly #core: LearnerCore;
  readonly layers: Layers;
  /** The layers between two steps of a task, when a part of the change is not in the weights yet. */
  readonly layersInTraining: Layers;
  readonly #programs: LearnerPrograms;

  /** A learner of these parts, which it frees at its end. */
  constructor(core: LearnerCore) {
    this.#core = core;
    this.layers = trainedLayers(core.model);
    this.layersInTraining = trainedLayers(core.model, { unmerged: true });
    this.#programs = new LearnerPrograms(core);
  }

  /** Loads a model for training: see {@link LearnerCore.load}. */
  static async create(
    device: Device,
    network: Network,
    plan: MethodPlan,
    targets: TargetModules,
    options: LearnerOptions,
    read: ReadParameter | null,
    onLoaded?: (name: string) => void,
  ): Promise<Learner> {
    return new Learner(await LearnerCore.load(device, network, plan, targets, options, read, onLoaded));
  }

  /** Number of trained parameters, as the method counts them. */
  get trainableParameters(): number {
    return this.#core.trainableParameters;
  }

  /**
   * Before the first task, puts what examples use of the model into the spaces of inputs, as if they were a learned
   * task. Does nothing if a resumed learner has done so.
   *
   * @param sample batches of the examples.
   * @param onPart receives how far the spaces are.
   */
  protect(sample: readonly Batch[], onPart?: OnPart): Promise<void> {
    return protect(this.#core, sample, onPart);
  }

  /** Before the first task, hands general prompts with the base model's answers to parts that remember them. */
  remember(answered: readonly TokenPair[]): void {
    for (const part of this.#core.parts) part.remember?.(answered);
  }

  /**
   * Starts task t = 1, 2, …: a fresh adapter pair, moments at zero, the space of earlier tasks. If tasks are learned
   * apart, drops the previous task's pair, so that the model is the base model again.
   *
   * @param sample batches of the task's training prompts, read if learning rates compensate for a space of inputs.
   * @param onPart receives how many of them are read.
   * @param prompts batches of prompts for a part that reads them.
   */
  beginTask(sample: readonly Batch[] = [], onPart?: OnPart, prompts = sample): Promise<void> {
    return beginTask(this.#core, this.#programs, { sample, prompts }, onPart);
  }

  /** Takes the memory of steps to come, so that a larger batch among them has no program compiled again. */
  reserve(batches: readonly Batch[]): Promise<void> {
    const { network } = this.#core;
    return this.#programs.reserve(batches.map((rows) => network.sizes(rows)));
  }

  /**
   * One optimizer step on the mean loss over the label tokens of its batches. It does not wait for the device.
   *
   * @param batches at most `gradientAccumulation` micro-batches.
   * @param rateFactor of the learning rates in this step.
   */
  step(batches: readonly Batch[], rateFactor = 1): Promise<void> {
    return takeStep(this.#core, this.#programs, batches, rateFactor);
  }

  /** Keeps the trained weights as they are between two steps of a task, if it was made to keep some. */
  async keepWeights(): Promise<void> {
    const { kept, progress } = this.#core;
    if (kept === undefined) throw new Error('a learner that keeps no weights');
    await kept.keep(progress.isUnmerged);
  }

  /** Goes back to the weights that the task kept last, before it ends. Moments stay: no step may follow. */
  async takeKeptWeights(): Promise<void> {
    const { kept, progress } = this.#core;
    progress.isUnmerged = (await kept?.takeBack()) ?? progress.isUnmerged;
  }

  /** Maximum bytes that {@link takeRecords} reads back. */
  get recordBytes(): number {
    return this.#core.ring.bytes;
  }

  /** Steps whose numbers have not been taken; at most {@link ringSteps}. */
  get untakenSteps(): number {
    return this.#core.ring.used;
  }
  get ringSteps(): number {
    return this.#core.ring.capacity;
  }

  /** Numbers of the steps since the last call; resolves after the device has finished these steps. */
  takeRecords(): Promise<StepRecord[]> {
    return takeRecords(this.#core);
  }

  /**
   * Ends a task: runs the method's passes, updates its state, and grows the shared spaces from first moments or from
   * the layers' inputs.
   *
   * @param onPart receives how far the spaces of inputs are.
   */
  endTask(data: TaskData, onPart?: OnPart): Promise<NamedGrowth[]> {
    return endTask(this.#core, this.#programs, data, onPart);
  }

  /** Examples of earlier tasks that the method remembers, to mix into batches. */
  get rememberedExamples(): readonly RememberedExample[] {
    return this.#core.parts.flatMap(({ remembered = [] }) => remembered);
  }

  /** Bytes that the method stores between tasks besides the trained model: shared spaces and its own state. */
  get stateBytes(): number {
    return this.#core.parts.reduce((sum, { storedBytes = 0 }) => sum + storedBytes, 0);
  }

  /** All that the rest of a run depends on: see {@link LearnerState}. Read its tensors before any other call. */
  get state(): LearnerState {
    const { progress, parts, kept } = this.#core;
    return {
      progress: { ...progress, ...kept?.progress, examples: parts.flatMap(({ remembered = [] }) => remembered) },
      tensors: ownersOf(this.#core).flatMap((owner) => owner.state?.(progress.training) ?? []),
      versions: versionsOf(this.#core),
    };
  }

  /** Maximum bytes of the tensors of {@link state} in the last task, once memory for this many tasks is reserved. */
  savedBytes(tasks: number): number {
    const { parts, meters, kept } = this.#core;
    const onDevice = [...parts, meters]
      .flatMap((owner: Partial<StateOwner>) => owner.state?.(true) ?? [])
      .concat(kept?.tensors ?? [])
      .reduce((sum, { rows, columns }) => sum + rows * columns * 4, 0);
    return parts.reduce((sum, part) => sum + (part.savedBytes?.(tasks) ?? 0), onDevice);
  }

  /** Maximum bytes of the host that spaces take in the last task, once memory for this many tasks is reserved. */
  hostBytes(tasks: number): number {
    return this.#core.parts.reduce((sum, part) => sum + (part.hostBytes?.(tasks) ?? 0), 0);
  }

  /**
   * Resumes from the state of another learner of the same model, method and seed: what follows is the same to the last
   * bit. For a new learner only; it need not have read the weights that the state holds.
   *
   * @throws GorpError `run/state-does-not-fit`.
   */
  async restore({ progress, tensors }: SavedState): Promise<void> {
    const core = this.#core;
    const { task, step, totalSteps, training, isProtected, isUnmerged, rateFactors } = progress; // parts take the examples
    Object.assign(core.progress, { task, step, totalSteps, training, isProtected, isUnmerged, rateFactors });
    if (training) {
      for (const part of core.parts) part.resumeTask?.({ task, tasks: () => core.tasks });
    }
    for (const owner of ownersOf(core)) await owner.restore?.(tensors, progress);
  }

  /**
   * Reserves the memory for steps of the last of a number of tasks, with spaces at their largest, and writes nothing to
   * it, for a memory plan.
   *
   * @param isProtected whether there are spaces in the first task too.
   */
  async reserveTraining(tasks: number, sizes: readonly BatchSizes[], isProtected = false): Promise<StepPrograms> {
    const [{ device, parts, options, hasUnmerged }, programs] = [this.#core, this.#programs];
    programs.drop();
    for (const part of parts) part.reserve?.({ pairs: tasks - 1, spaces: tasks - 1, isProtected });
    const of = async (use: GradientUse): Promise<Program[]> =>
      (await programs.gradients(sizes, use)).map(({ compiled }) => compiled.program);
    const halves: Program[] = [];
    const isAlone = options.gradientAccumulation === 1;
    if (hasUnmerged && isAlone) await of('refresh');
    if (hasUnmerged && !isAlone) {
      halves.push(...(await of('away')), ...(await of('back')));
      for (const turn of ['begin', 'away', 'last'] as const) await programs.turn(turn);
    }
    const before = inputBytes(device);
    const gradients = await of('gradients');
    const gradientInputs = inputBytes(device) - before;
    const optimizer = await programs.optimizer();
    const bases = { programs: halves, perStep: PASSES / programs.gap };
    return { gradients, gradientInputs, bases, optimizer: [optimizer.norm, optimizer.update(false)] };
  }

  /** Reserves the memory for the end of the last of a number of tasks, after its spaces have grown, for a memory plan. */
  reserveTesting(tasks: number): void {
    this.#programs.drop();
    for (const part of this.#core.parts) part.reserve?.({ pairs: tasks - 1, spaces: tasks, isProtected: false });
  }

  /**
   * The measurements at the end of a task, on batches of these sizes or on a single example, one after another, for a
   * memory plan. Spaces from moments need none: reading moments takes less than training.
   */
  async *reserveMeasuring(sizes: readonly BatchSizes[], single: BatchSizes): AsyncGenerator<Reserved> {
    this.#programs.drop();
    const { recompute = false } = this.#core.options;
    for (const part of this.#core.parts)
      if (part.reserveMeasuring) yield* part.reserveMeasuring({ ...this.#core, recompute }, sizes, single);
  }

  destroy(): void {
    this.#programs.drop();
    this.#core.destroy();
  }
}

/** The programs of a step, to count their work. */
export interface StepPrograms {
  /** Of a micro-batch of each size. */
  readonly gradients: readonly Program[];
  /** Bytes of their inputs; programs of other sizes have inputs of their own. */
  readonly gradientInputs: number;
  /** The programs that new bases need of each size, and how often in a step on average. */
  readonly bases: { readonly programs: readonly Program[]; readonly perStep: number };
  readonly optimizer: readonly Program[];
}
