import { mixSeed } from '../base/random.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Packing } from '../device/packing.ts';
import type { Program } from '../device/device.ts';
import { ScalarRing } from '../device/scalar-ring.ts';
import { adamStepSize } from '../graph/ops/optimizer.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Layers } from '../models/layers.ts';
import { Parameters, type ReadParameter } from '../models/parameters.ts';
import type { BatchSizes, Network, SizedBatch } from '../models/network.ts';
import { InputCovariances } from './activations.ts';
import type { FullRankGroup } from './full-rank-group.ts';
import { type LayerHealth, Meters } from './health.ts';
import { type GradientProgram, GradientPrograms } from './gradient-programs.ts';
import type { LoraGroup } from './lora-group.ts';
import type { Matrix } from './matrix.ts';
import type { TargetModules } from './method-groups.ts';
import type { MethodSettings } from './method-settings.ts';
import { OptimizerPrograms } from './optimizer-programs.ts';
import { growSpaces, type NamedGrowth } from './space-growth.ts';
import { createGroups, readTrained, type ReadTrained, type TrainedGroups } from './trained-groups.ts';
import { compensation } from './task-rates.ts';
import { trainedLayers, type TrainedParts } from './trained-layers.ts';
import type { SavedTraining, Trained } from './trained.ts';

/** How a learner trains, beside its method. */
export interface LearnerOptions {
  readonly seed: number;
  readonly maxGradNorm: number;
  readonly gradientAccumulation: number;
  /** Whether activations are computed again for the backward pass, block by block, rather than kept. */
  readonly recompute?: boolean;
  /** How a frozen parameter is stored; undefined is f32. */
  readonly packing?: (name: string) => Packing | undefined;
}

/** What is known of a step when its numbers have been read back. */
export interface StepRecord {
  loss: number;
  gradientNorm: number;
  layers: LayerHealth[];
}

// Steps between two reads of losses, at most: the ring's size.
const RING_STEPS = 32;

/**
 * A model that learns tasks one after another by a method: parameters, adapters, optimizer state and shared spaces on
 * the GPU, and the programs that train them. docs/method.md, sections 2 to 4.
 */
export class Learner {
  readonly layers: Layers;
  #lora: LoraGroup[];
  #full: FullRankGroup[];
  readonly #owned: OwnedBuffer[] = [];
  readonly #meters: Meters;
  readonly #clip: Tensor;
  readonly #rates: Tensor;
  readonly #dropoutStep: Tensor;
  readonly #loss: Tensor;
  readonly #parts: TrainedParts;
  #programs: GradientPrograms;
  #optimizer: OptimizerPrograms | undefined;
  /** Whether fast projections hold changes beside the weights. */
  #isUnmerged = false;
  readonly #ring: ScalarRing;
  #task = 0;
  #step = 0;
  #totalSteps = 0;
  #training = false;
  #rateFactors: readonly [lora: number, full: number] = [1, 1];

  private constructor(
    private readonly device: Device,
    private readonly network: Network,
    private readonly method: MethodSettings,
    private readonly options: LearnerOptions,
    groups: TrainedGroups,
    private readonly parameters: Parameters,
  ) {
    this.#lora = groups.lora;
    this.#full = groups.full;
    this.#meters = new Meters(device, [...this.#lora, ...this.#full]);
    this.#clip = this.#persistent('clip', 2);
    this.#rates = this.#persistent('step sizes', 2);
    this.#dropoutStep = { ...this.#persistent('dropout step', 1), dtype: 'u32' };
    this.#loss = this.#persistent('loss', 1);
    const scalars = [this.#loss, this.#clip].map((t) => ({
      buffer: (t.storage as NonNullable<Tensor['storage']>).buffer,
      offset: 0,
      bytes: t.elements * 4,
    }));
    this.#ring = new ScalarRing(device, [...scalars, ...this.#meters.sources], RING_STEPS);
    this.#parts = { parameters, ...groups, method, dropoutStep: this.#dropoutStep, records: this.#meters };
    this.layers = trainedLayers(this.#parts);
    this.#programs = this.#newPrograms();
  }

  /**
   * Loads a model for training.
   *
   * @param read values of a parameter by Hugging Face name; null leaves them as they are: for a plan of memory.
   * @throws GorpError `settings/rank-too-large`, `device/out-of-memory`, …; nothing stays allocated then.
   */
  static async create(
    device: Device,
    network: Network,
    method: MethodSettings,
    targets: TargetModules,
    options: LearnerOptions,
    read: ReadParameter | null,
    onLoaded?: (name: string) => void,
  ): Promise<Learner> {
    const groups = createGroups(device, network.shapes, method, targets);
    try {
      const parameters = await Parameters.load(device, network.shapes, read, {
        place: (parameter) => {
          const name = parameter.replace(/\.weight$/, '');
          return groups.full.find((group) => group.layers.names.includes(name))?.weights.range(name);
        },
        packing: options.packing,
        onLoaded,
      });
      return new Learner(device, network, method, options, groups, parameters);
    } catch (error) {
      for (const group of [...groups.lora, ...groups.full]) group.destroy();
      throw error;
    }
  }

  /** Number of trained parameters, as the method counts them. */
  get trainableParameters(): number {
    const count = ({ names, out, inputs }: { names: readonly string[]; out: number; inputs: number }): number =>
      names.length * out * inputs;
    const lora = this.#lora.reduce(
      (sum, { layers }) => sum + layers.names.length * this.method.loraRank * (layers.out + layers.inputs),
      0,
    );
    return lora + this.#full.reduce((sum, { layers }) => sum + count(layers), 0);
  }

  #persistent(name: string, elements: number): Tensor {
    const buffer = this.device.buffers.storage(name, elements * 4);
    this.#owned.push(buffer);
    const storage = { buffer, offset: 0, bytes: buffer.bytes };
    return { name, shape: [elements], dtype: 'f32', trainable: false, elements, storage };
  }

  #newPrograms(): GradientPrograms {
    const { gradientAccumulation: accumulation, recompute = false } = this.options;
    return new GradientPrograms(this.device, this.network, this.#parts, this.#loss, { accumulation, recompute });
  }

  /**
   * Starts task t = 1, 2, …: fresh adapter pair, moments at zero, the space of the tasks before. Where tasks are learned
   * apart, the pair of the task before is given up, so that the model is the base model again.
   *
   * @param sample batches of the task's training prompts, read when learning rates are to make up for a space of inputs.
   */
  async beginTask(sample: readonly SizedBatch[] = []): Promise<void> {
    this.#task++;
    this.#step = 0;
    this.#training = true;
    await this.#mergeChanges();
    this.#dropPrograms();
    const fresh = this.#task === 1 || this.method.adapters === 'per-task';
    const keeps = this.method.schedule !== 'apart';
    if (fresh && keeps && this.#task > 1) for (const group of this.#lora) await group.adapters.freeze();
    for (const group of this.#lora) group.beginTask(mixSeed(this.options.seed, 'task', this.#task), fresh);
    for (const group of this.#full) group.beginTask();
    this.#rateFactors = await this.#compensations(sample);
  }

  /** Factors of the learning rates of adapters and of full-rank weights in the task that begins. */
  async #compensations(sample: readonly SizedBatch[]): Promise<[lora: number, full: number]> {
    const groups = [this.#lora, this.#full];
    const spaces = groups.map((each) => each.flatMap(({ space }) => [...(space?.spaces ?? [])]));
    const { taskRates, spaceSource } = this.method;
    if (taskRates === 'constant' || spaceSource === 'moment' || spaces.flat().length === 0) return [1, 1];
    const covariances = await this.#inputCovariances(sample);
    const [lora, full] = spaces.map((each) => compensation(each, covariances));
    return [lora, full];
  }

  /** Merges, if there is anything to merge: the model computes the same, and evaluation sees all of it. */
  async #mergeChanges(): Promise<void> {
    const isUnmerged = this.#isUnmerged;
    this.#isUnmerged = false;
    if (isUnmerged) await this.#optimizer?.merge();
  }

  get #hasFast(): boolean {
    return this.#full.some(({ fast }) => fast !== undefined);
  }

  get #isRefresh(): boolean {
    return this.#step % this.method.updateProjGap === 0;
  }

  /** Whether fast projections take a new basis in the next step: from its first micro-batch, for all of it. */
  get #takesBasis(): boolean {
    return this.#isRefresh && this.#hasFast;
  }

  /** Programs of batch shapes that are kept at the moment. */
  get keptPrograms(): number {
    return this.#programs.count;
  }

  /** Compiles what a step of micro-batches of these sizes needs, as far as it is not there yet. */
  async prepareStep(
    sizes: readonly BatchSizes[],
  ): Promise<{ gradients: GradientProgram[]; optimizer: OptimizerPrograms }> {
    const gradients = await this.#programs.of(sizes, this.#takesBasis);
    return { gradients, optimizer: await this.#compiledOptimizer() };
  }

  async #compiledOptimizer(): Promise<OptimizerPrograms> {
    const { device, method } = this;
    const { maxGradNorm } = this.options;
    const [lora, full, meters, clip, rates] = [this.#lora, this.#full, this.#meters, this.#clip, this.#rates];
    return (this.#optimizer ??= await OptimizerPrograms.compile(device, {
      lora,
      full,
      method,
      maxGradNorm,
      meters,
      clip,
      rates,
    }));
  }

  /**
   * One optimizer step. Nothing is waited for, except at the refresh of an exact projection's basis.
   *
   * @param batches `gradientAccumulation` micro-batches; the last step of an epoch may have fewer.
   */
  async step(batches: readonly SizedBatch[]): Promise<void> {
    if (!this.#training) throw new Error('step before beginTask');
    const { device } = this;
    device.check();
    const { gradients: programs, optimizer } = await this.prepareStep(batches.map(({ sizes }) => sizes));
    if (this.#takesBasis) await this.#mergeChanges();
    const t = this.#step + 1;
    const rates = [this.method.learningRate, this.method.galoreLearningRate].map((rate, i) =>
      adamStepSize(rate * this.#rateFactors[i], t),
    );
    const buffer = (tensor: Tensor): OwnedBuffer => (tensor.storage as NonNullable<Tensor['storage']>).buffer;
    device.write(buffer(this.#rates), 0, Float32Array.from(rates));
    device.write(buffer(this.#loss), 0, new Float32Array(1));
    if (this.options.gradientAccumulation > 1) {
      for (const { gradA, gradB } of this.#lora) {
        gradA.clear();
        gradB.clear();
      }
      for (const { gradient } of this.#full) gradient.clear();
    }
    const first: Program[] = [];
    for (const [i, { rows }] of batches.entries()) {
      const { batch, compiled } = programs[i];
      batch.write(rows);
      const mask = mixSeed(this.options.seed, 'dropout', this.#totalSteps, i) >>> 0;
      device.write(buffer(this.#dropoutStep), 0, Uint32Array.of(mask));
      if (i < batches.length - 1) await device.run([compiled.program]);
      else first.push(compiled.program);
    }
    // A task's first step tells nothing of its adapters: while B is 0, A has no gradient.
    const update = optimizer.update(this.#isRefresh || this.#step === 1);
    const exact = this.#full.filter((group) => group.isExact);
    if (this.#isRefresh && exact.length > 0) {
      await device.run([...first.splice(0), optimizer.norm]);
      for (const group of exact) await group.refreshBasis();
      first.push(update);
    } else first.push(optimizer.norm, update);
    await device.run(first, this.#ring.record());
    this.#isUnmerged = this.#hasFast;
    this.#step++;
    this.#totalSteps++;
  }

  /** Bytes that are read back at most when numbers are taken. */
  get recordBytes(): number {
    return this.#ring.bytes;
  }

  /** Steps whose numbers have not been taken; at {@link RING_STEPS} they must be. */
  get untakenSteps(): number {
    return this.#ring.used;
  }
  get ringSteps(): number {
    return this.#ring.capacity;
  }

  /** Numbers of the steps since the last call; resolves when the GPU has done them. */
  async takeRecords(): Promise<StepRecord[]> {
    const steps = await this.#ring.take();
    return steps.map(([loss, clip, ...energies]) => ({
      loss: loss[0],
      gradientNorm: clip[0],
      layers: this.#meters.health(energies),
    }));
  }

  /**
   * Ends a task: grows the shared spaces from first moments, or from the layers' inputs on a sample of the task.
   *
   * @param sample batches of the task's training prompts, read when the space comes from activations.
   */
  async endTask(sample: readonly SizedBatch[]): Promise<NamedGrowth[]> {
    this.#training = false;
    await this.#mergeChanges();
    this.#dropPrograms();
    if (!this.method.sharedSpace) return [];
    const covariances = this.method.spaceSource === 'activation' ? await this.#inputCovariances(sample) : undefined;
    return growSpaces(this.device, [...this.#lora, ...this.#full], this.method, covariances);
  }

  async #inputCovariances(sample: readonly SizedBatch[]): Promise<Map<string, Matrix>> {
    const sums = new InputCovariances(this.device, this.network, this.#parts);
    try {
      await sums.prepare(sample.map(({ sizes }) => sizes));
      for (const batch of sample) await sums.add(batch);
      return await sums.read();
    } finally {
      sums.destroy();
    }
  }

  /**
   * Sets memory aside as for steps of the last of a number of tasks, with spaces as large as they can be by then, and
   * puts nothing there: for a plan of memory.
   *
   * @returns the programs of a step that takes no new bases.
   */
  async reserveTraining(tasks: number, sizes: readonly BatchSizes[]): Promise<Program[]> {
    this.#dropPrograms();
    for (const group of [...this.#lora, ...this.#full]) group.reserve({ pairs: tasks - 1, spaces: tasks - 1 });
    if (this.#hasFast) await this.#programs.of(sizes, true);
    const gradients = await this.#programs.of(sizes, false);
    const optimizer = await this.#compiledOptimizer();
    return [...gradients.map(({ compiled }) => compiled.program), optimizer.norm, optimizer.update(false)];
  }

  /** Sets memory aside as behind the last of a number of tasks, when its spaces have grown: for a plan of memory. */
  reserveTesting(tasks: number): void {
    this.#dropPrograms();
    for (const group of [...this.#lora, ...this.#full]) group.reserve({ pairs: tasks - 1, spaces: tasks });
  }

  /**
   * What {@link endTask} would measure the inputs of all layers with, for a plan of memory: the caller destroys it.
   * Undefined where spaces come from moments, whose reading takes less than training.
   */
  async reserveMeasuring(sizes: BatchSizes): Promise<InputCovariances | undefined> {
    this.#dropPrograms();
    if (!this.method.sharedSpace || this.method.spaceSource !== 'activation') return undefined;
    const sums = new InputCovariances(this.device, this.network, this.#parts);
    await sums.prepare([sizes]);
    return sums;
  }

  /** Everything that was trained, to be saved: to be read before the next task begins. */
  get trained(): Trained {
    const { loraAlpha, loraRank } = this.method;
    return {
      tasks: this.#task,
      optimizerSteps: this.#totalSteps,
      scaling: loraAlpha / loraRank,
      adapters: this.#lora.flatMap((group) => group.trained()),
      weights: this.#full.flatMap((group) => group.trained()),
      spaces: new Map([...this.#lora, ...this.#full].flatMap(({ space }) => [...(space?.spaces ?? [])])),
      directions: new Map([...this.#lora, ...this.#full].flatMap(({ space }) => [...(space?.directions ?? [])])),
    };
  }

  /**
   * Goes on from where another learner was after a task; the next task is the one behind it.
   *
   * @throws GorpError `run/round-does-not-fit` when it was of another model or method.
   */
  async restore(saved: SavedTraining): Promise<void> {
    for (const group of [...this.#lora, ...this.#full]) await group.restore(saved);
    this.#task = saved.tasks;
    this.#totalSteps = saved.optimizerSteps;
  }

  /** Replaces the pair that is being trained: to go on from saved adapters. A [r, in], B [out, r]. */
  setAdapter(name: string, A: Matrix, B: Matrix): void {
    const group = this.#lora.find(({ layers }) => layers.names.includes(name));
    if (group === undefined) throw new Error(`${name} has no adapter`);
    group.adapters.A.write(name, A);
    group.adapters.B.write(name, B);
  }

  /** Everything that was trained, as it is now; waits for the GPU. Names are layers, without `.weight`. */
  async readTrained(): Promise<ReadTrained> {
    await this.#mergeChanges();
    return readTrained({ lora: this.#lora, full: this.#full });
  }

  #dropPrograms(): void {
    this.#programs.destroy();
    this.#programs = this.#newPrograms();
    this.#optimizer?.destroy();
    this.#optimizer = undefined;
  }

  destroy(): void {
    this.#dropPrograms();
    this.#ring.destroy();
    this.#meters.destroy();
    for (const group of [...this.#lora, ...this.#full]) group.destroy();
    this.parameters.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}
