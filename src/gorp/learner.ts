import { GorpError } from '../base/errors.ts';
import { mixSeed } from '../base/random.ts';
import type { OwnedBuffer } from '../gpu/buffers.ts';
import type { Gpu } from '../gpu/device.ts';
import { type Program, submit } from '../gpu/program.ts';
import { readBytes } from '../gpu/readback.ts';
import { ScalarRing } from '../gpu/scalar-ring.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { addInto, scaleRows } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { adamStepSize, clipFactor, squares } from '../graph/ops/optimizer.ts';
import { sizeOf, type Tensor } from '../graph/tensor.ts';
import type { Layers } from '../models/layers.ts';
import { Parameters } from '../models/parameters.ts';
import { sumGradients } from '../models/t5.ts';
import type { BatchInputs, BatchSizes, T5Network } from '../models/t5-network.ts';
import { FullRankGroup } from './full-rank-group.ts';
import { LoraGroup } from './lora-group.ts';
import { type Matrix, matrix } from './matrix.ts';
import { layerGroups, type TargetModules } from './method-groups.ts';
import type { MethodSettings } from './method-settings.ts';
import type { SpaceGrowth } from './space.ts';
import { slice, type UpdateContext } from './trainable-group.ts';

/** A batch as the network takes it. */
export interface LearnerBatch {
  sourceIds: ArrayLike<number>;
  sourceLengths: readonly number[];
  decoderInputIds: ArrayLike<number>;
  labelIds: ArrayLike<number>;
}

/** What is known of a step when its numbers have been read back. */
export interface StepRecord {
  loss: number;
  gradientNorm: number;
  /** Energy share of each projected gradient that lay in the shared space; empty while there is none. */
  projectedAway: { name: string; share: number }[];
}

/** The growth of one tensor's space after a task. */
export interface NamedGrowth extends SpaceGrowth {
  name: string;
  part: 'lora' | 'full-rank';
  dimension: number;
}

interface GradientProgram {
  sizes: BatchSizes;
  inputs: BatchInputs;
  compiled: Compiled;
  loss: Tensor;
  owned: OwnedBuffer[];
}

// Steps between two reads of losses, at most: the ring's size.
const RING_STEPS = 32;
// Floats between the places of two groups in shared buffers, so that each can be bound.
const PLACE = 64;

/**
 * A model that learns tasks one after another by a method: parameters, adapters, optimizer state and shared spaces on
 * the GPU, and the programs that train them. METHOD.md sections 2-4.
 */
export class Learner {
  readonly layers: Layers;
  #lora: LoraGroup[];
  #full: FullRankGroup[];
  readonly #owned: OwnedBuffer[] = [];
  readonly #squares: Tensor;
  readonly #clip: Tensor;
  readonly #rates: Tensor;
  readonly #dropoutStep: Tensor;
  readonly #loss: Tensor;
  readonly #shares: { before: Tensor; after: Tensor; share: Tensor };
  readonly #places = new Map<LoraGroup | FullRankGroup, number>();
  #programs = new Map<string, GradientProgram>();
  #update: Compiled | undefined;
  readonly #ring: ScalarRing;
  #task = 0;
  #step = 0;
  #totalSteps = 0;
  #training = true;

  private constructor(
    private readonly gpu: Gpu,
    private readonly network: T5Network,
    private readonly method: MethodSettings,
    private readonly options: { seed: number; maxGradNorm: number; gradientAccumulation: number },
    groups: { lora: LoraGroup[]; full: FullRankGroup[] },
    private readonly parameters: Parameters,
  ) {
    this.#lora = groups.lora;
    this.#full = groups.full;
    const all = [...this.#lora, ...this.#full];
    const places = all.reduce((first, group) => {
      this.#places.set(group, first);
      // Adapters take two places: A and B.
      return first + Math.ceil(group.layers.names.length / PLACE) * PLACE * (group instanceof LoraGroup ? 2 : 1);
    }, 0);
    this.#squares = this.#persistent('squared gradient norms', Math.max(1, places));
    this.#clip = this.#persistent('clip', 2);
    this.#rates = this.#persistent('step sizes', 2);
    this.#dropoutStep = { ...this.#persistent('dropout step', 1), dtype: 'u32' };
    this.#loss = this.#persistent('loss', 1);
    this.#shares = {
      before: this.#persistent('energy before', Math.max(1, places)),
      after: this.#persistent('energy after', Math.max(1, places)),
      share: this.#persistent('share taken', Math.max(1, places)),
    };
    const sources = [this.#loss, this.#clip, this.#shares.share].map((t) => ({
      buffer: (t.storage as NonNullable<Tensor['storage']>).buffer,
      offset: 0,
      bytes: t.elements * 4,
    }));
    this.#ring = new ScalarRing(gpu, sources, RING_STEPS);
    this.layers = this.#makeLayers(undefined, undefined);
  }

  /**
   * Loads a model for training.
   *
   * @param read values of a parameter by Hugging Face name.
   * @throws GorpError `settings/rank-too-large`, `gpu/out-of-memory`, …; nothing stays allocated then.
   */
  static async create(
    gpu: Gpu,
    network: T5Network,
    method: MethodSettings,
    targets: TargetModules,
    options: { seed: number; maxGradNorm: number; gradientAccumulation: number },
    read: (name: string) => Promise<Float32Array>,
    onLoaded?: (name: string) => void,
  ): Promise<Learner> {
    const lora: LoraGroup[] = [];
    const full: FullRankGroup[] = [];
    try {
      if (method.adapters !== 'none') {
        for (const group of layerGroups(network.shapes, targets.lora)) {
          checkRank('loraRank', method.loraRank, group.names[0], group.out, group.inputs);
          lora.push(new LoraGroup(gpu, group, method));
        }
      }
      if (method.fullRank !== 'none') {
        for (const group of layerGroups(network.shapes, targets.fullRank)) {
          if (method.fullRank === 'projected') {
            checkRank('galoreRank', method.galoreRank, group.names[0], group.out, group.inputs);
          }
          full.push(new FullRankGroup(gpu, group, method));
        }
      }
      const parameters = await Parameters.load(gpu, network.shapes, read, {
        place: (parameter) => {
          const name = parameter.replace(/\.weight$/, '');
          return full.find((group) => group.layers.names.includes(name))?.weights.range(name);
        },
        ...(onLoaded && { onLoaded }),
      });
      return new Learner(gpu, network, method, options, { lora, full }, parameters);
    } catch (error) {
      for (const group of [...lora, ...full]) group.destroy();
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
    const buffer = this.gpu.buffers.storage(name, elements * 4);
    this.#owned.push(buffer);
    const storage = { buffer, offset: 0, bytes: buffer.bytes };
    return { name, shape: [elements], dtype: 'f32', trainable: false, elements, storage };
  }

  /**
   * Layers of the model as they are now.
   *
   * @param trainables receives the trainable tensors and the place of their gradients; undefined when only evaluating.
   * @param captured receives the input of every layer whose inputs span a space.
   */
  #makeLayers(trainables: Map<Tensor, Tensor> | undefined, captured: Map<string, Tensor> | undefined): Layers {
    const cache = new Map<string, Tensor>();
    const training = trainables !== undefined;
    const parameter = (name: string): Tensor => {
      let tensor = cache.get(name);
      if (tensor === undefined) {
        const shape = this.network.shapes.get(name);
        if (shape === undefined) throw new Error(`the model has no parameter ${name}`);
        const layer = name.replace(/\.weight$/, '');
        const group = this.#full.find(({ layers }) => layers.names.includes(layer));
        const storage = this.parameters.range(name);
        tensor = {
          name,
          shape,
          dtype: 'f32',
          trainable: training && group !== undefined,
          elements: sizeOf(shape),
          storage,
        };
        cache.set(name, tensor);
        if (group) trainables?.set(tensor, group.gradient.view(layer, false));
      }
      return tensor;
    };
    const linear: Layers['linear'] = (g, name, x, addend) => {
      const y = matmul(g, x, parameter(`${name}.weight`), { layout: 'nt', addend });
      const group = this.#lora.find(({ layers }) => layers.names.includes(name));
      const isFull = this.#full.some(({ layers }) => layers.names.includes(name));
      if (group || isFull) captured?.set(name, x);
      if (!group) return y;
      const pair = { A: group.adapters.A.view(name, training), B: group.adapters.B.view(name, training) };
      trainables?.set(pair.A, group.gradA.view(name, false));
      trainables?.set(pair.B, group.gradB.view(name, false));
      const { loraAlpha, loraRank, loraDropout: rate } = this.method;
      const drop = training ? { step: this.#dropoutStep, salt: mixSeed(0, name) >>> 0, rate } : undefined;
      return group.adapters.apply(g, name, x, y, pair, loraAlpha / loraRank, drop);
    };
    return { parameter, linear };
  }

  /** Starts task t = 1, 2, …: fresh adapter pair, moments at zero, the space of the tasks before. */
  async beginTask(): Promise<void> {
    this.#task++;
    this.#step = 0;
    this.#training = true;
    this.#dropPrograms();
    const fresh = this.#task === 1 || this.method.adapters === 'per-task';
    if (fresh && this.#task > 1) for (const group of this.#lora) await group.adapters.freeze();
    for (const group of this.#lora) group.beginTask(mixSeed(this.options.seed, 'task', this.#task), fresh);
    for (const group of this.#full) group.beginTask();
    this.#update = await this.#compileUpdate();
  }

  async #compileUpdate(): Promise<Compiled> {
    const g = new Graph();
    const context = (group: LoraGroup | FullRankGroup): UpdateContext => {
      const first = this.#places.get(group) ?? 0;
      const count = group.layers.names.length;
      const part = (t: Tensor): Tensor => slice(t.name, t.storage as NonNullable<Tensor['storage']>, first, count);
      const { before, after, share } = this.#shares;
      const record = { before: part(before), after: part(after), share: part(share) };
      return { g, clip: this.#clip, rates: this.#rates, record };
    };
    for (const group of [...this.#lora, ...this.#full]) group.recordUpdate(context(group));
    return compile(this.gpu, 'update', g, []);
  }

  /** The forward and backward pass of a batch shape, gradients in their stacks, their norm and clip factor. */
  async #gradientProgram(sizes: BatchSizes): Promise<GradientProgram> {
    const key = `${sizes.B}×${sizes.S}×${sizes.T}`;
    const known = this.#programs.get(key);
    if (known) return known;
    const owned: OwnedBuffer[] = [];
    try {
      const g = new Graph();
      const inputs = this.network.batchInputs(sizes, owned);
      const trainables = new Map<Tensor, Tensor>();
      const loss = this.network.loss(g, this.#makeLayers(trainables, undefined), inputs);
      const gradients = g.backward(loss, this.network.one, sumGradients(g));
      const share = 1 / this.options.gradientAccumulation;
      addInto(g, loss, this.#loss, share, 1);
      const roots: Tensor[] = [];
      for (const [tensor, place] of trainables) {
        const gradient = gradients.get(tensor);
        if (gradient === undefined) throw new Error(`${tensor.name} has no part in the loss`);
        // With one micro-batch gradients are written where they belong; with more they are added there.
        if (this.options.gradientAccumulation === 1) gradient.storage = place.storage as NonNullable<Tensor['storage']>;
        else addInto(g, gradient, place, share, 1);
        roots.push(gradient);
      }
      const compiled = await compile(this.gpu, `gradients ${key}`, g, [loss, ...roots]);
      const program = { sizes, inputs, compiled, loss, owned };
      this.#programs.set(key, program);
      return program;
    } catch (error) {
      for (const buffer of owned) buffer.destroy();
      throw error;
    }
  }

  #normProgram: Compiled | undefined;

  /** What a method adds to the loss, then squared norms of all gradient stacks and the clip factor. */
  async #compileNorm(): Promise<Compiled> {
    const g = new Graph();
    for (const group of this.#lora) group.recordPenalties(g);
    const place = (first: number, count: number): Tensor =>
      slice('squares', this.#squares.storage as NonNullable<Tensor['storage']>, first, count);
    for (const [group, first] of this.#places) {
      const count = group.layers.names.length;
      const next = first + Math.ceil(count / PLACE) * PLACE;
      if (group instanceof LoraGroup) {
        squares(g, group.gradA.tensor, group.gradA.shape, place(first, count));
        squares(g, group.gradB.tensor, group.gradB.shape, place(next, count));
      } else squares(g, group.gradient.tensor, group.gradient.shape, place(first, count));
    }
    clipFactor(g, this.#squares, this.options.maxGradNorm, this.#clip);
    return compile(this.gpu, 'gradient norm', g, []);
  }

  /**
   * One optimizer step. Nothing is waited for, except at a refresh of the projection basis.
   *
   * @param batches `gradientAccumulation` micro-batches, each with its sizes; the last step of an epoch may have fewer.
   */
  async step(batches: readonly (LearnerBatch & { sizes: BatchSizes })[]): Promise<void> {
    if (!this.#training || this.#update === undefined) throw new Error('step before beginTask');
    this.gpu.check();
    const { queue } = this.gpu.device;
    const programs: GradientProgram[] = [];
    // One after another, so that batches of one size share a program.
    for (const { sizes } of batches) programs.push(await this.#gradientProgram(sizes));
    this.#normProgram ??= await this.#compileNorm();
    const t = this.#step + 1;
    const rates = [this.method.learningRate, this.method.galoreLearningRate].map((rate) => adamStepSize(rate, t));
    const buffer = (tensor: Tensor): GPUBuffer => (tensor.storage as NonNullable<Tensor['storage']>).buffer.gpuBuffer;
    queue.writeBuffer(buffer(this.#rates), 0, Float32Array.from(rates));
    queue.writeBuffer(buffer(this.#loss), 0, new Float32Array(1));
    if (this.options.gradientAccumulation > 1) {
      for (const { gradA, gradB } of this.#lora) {
        gradA.clear();
        gradB.clear();
      }
      for (const { gradient } of this.#full) gradient.clear();
    }
    const first: Program[] = [];
    for (const [i, batch] of batches.entries()) {
      const { inputs, compiled } = programs[i];
      this.network.writeBatch(inputs, batch);
      const mask = mixSeed(this.options.seed, 'dropout', this.#totalSteps, i) >>> 0;
      queue.writeBuffer(buffer(this.#dropoutStep), 0, Uint32Array.of(mask));
      if (i < batches.length - 1) submit(this.gpu, compiled.program);
      else first.push(compiled.program);
    }
    const isRefresh = this.#step % this.method.updateProjGap === 0;
    const projected = this.#full.filter((group) => group.isProjected);
    if (isRefresh && projected.length > 0) {
      submit(this.gpu, ...first.splice(0), this.#normProgram.program);
      for (const group of projected) await group.refreshBasis();
      first.push(this.#update.program);
    } else first.push(this.#normProgram.program, this.#update.program);
    const encoder = this.gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const program of first) program.encode(pass);
    pass.end();
    this.#ring.record(encoder);
    queue.submit([encoder.finish()]);
    this.#step++;
    this.#totalSteps++;
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
    const hasSpace = (group: LoraGroup | FullRankGroup): boolean => group.space?.stackSpace !== undefined;
    const projected = [...this.#places].filter(([group]) => hasSpace(group));
    const steps = await this.#ring.take();
    return steps.map(([loss, clip, shares]) => ({
      loss: loss[0],
      gradientNorm: clip[0],
      projectedAway: projected.flatMap(([{ layers }, first]) =>
        layers.names.map((name, i) => ({ name, share: shares[first + i] })),
      ),
    }));
  }

  /**
   * Ends a task: grows the shared spaces from first moments, or from the layers' inputs on a sample of the task.
   *
   * @param sample batches of the task's training prompts, read when the space comes from activations.
   */
  async endTask(sample: readonly (LearnerBatch & { sizes: BatchSizes })[]): Promise<NamedGrowth[]> {
    this.#training = false;
    this.#dropPrograms();
    if (!this.method.sharedSpace) return [];
    const { threshold, spaceRule, spaceSource } = this.method;
    const growths: NamedGrowth[] = [];
    const covariances = spaceSource === 'activation' ? await this.#covariances(sample) : undefined;
    // Layers that read the same inputs (q and v, and every layer on the encoder's output) grow the same space once.
    const shared = new Map<Matrix, SpaceGrowth>();
    const grow = (group: LoraGroup | FullRankGroup, part: NamedGrowth['part'], moments: Map<string, Matrix>): void => {
      const { space } = group;
      if (space === undefined) return;
      for (const name of space.names) {
        const covariance = covariances?.get(name);
        const growth = covariance
          ? (shared.get(covariance) ?? space.grownFromCovariance(name, covariance, threshold))
          : space.grownFromMoment(name, moments.get(name) as Matrix, threshold, spaceRule);
        space.spaces.set(name, growth.space);
        if (covariance) shared.set(covariance, growth);
        growths.push({ ...growth, name, part, dimension: space.dimension });
      }
    };
    for (const group of this.#lora)
      grow(group, 'lora', covariances ? new Map<string, Matrix>() : await group.moments());
    for (const group of this.#full)
      grow(group, 'full-rank', covariances ? new Map<string, Matrix>() : await group.momentsForSpace());
    return growths;
  }

  /** C = XᵀX of every trained layer's inputs over the sample's tokens, padding left out. */
  async #covariances(sample: readonly (LearnerBatch & { sizes: BatchSizes })[]): Promise<Map<string, Matrix>> {
    const owned: OwnedBuffer[] = [];
    const compiled: Compiled[] = [];
    try {
      const sums = new Map<string, { tensor: Tensor; names: string[] }>();
      const programs = new Map<string, { inputs: BatchInputs; program: Program }>();
      for (const batch of sample) {
        const key = `${batch.sizes.B}×${batch.sizes.S}×${batch.sizes.T}`;
        let known = programs.get(key);
        if (known === undefined) {
          const g = new Graph();
          const inputs = this.network.batchInputs(batch.sizes, owned);
          const captured = new Map<string, Tensor>();
          this.network.loss(g, this.#makeLayers(undefined, captured), inputs);
          this.#recordCovariances(g, captured, inputs, sums, owned);
          const one = await compile(this.gpu, `inputs ${key}`, g, []);
          compiled.push(one);
          known = { inputs, program: one.program };
          programs.set(key, known);
        }
        this.network.writeBatch(known.inputs, batch);
        submit(this.gpu, known.program);
      }
      const result = new Map<string, Matrix>();
      for (const { tensor, names } of sums.values()) {
        const [size] = tensor.shape;
        const bytes = await readBytes(this.gpu, tensor.storage as NonNullable<Tensor['storage']>);
        const covariance = matrix(size, size, new Float32Array(bytes, 0, size * size));
        for (const name of names) result.set(name, covariance);
      }
      return result;
    } finally {
      for (const one of compiled) one.destroy();
      for (const buffer of owned) buffer.destroy();
    }
  }

  /** Adds XᵀX of each distinct input to its sum; layers that read the same tensor (q and v) share one. */
  #recordCovariances(
    g: Graph,
    captured: ReadonlyMap<string, Tensor>,
    inputs: BatchInputs,
    sums: Map<string, { tensor: Tensor; names: string[] }>,
    owned: OwnedBuffer[],
  ): void {
    const firstReader = new Map<Tensor, string>();
    for (const [name, x] of captured) {
      const reader = firstReader.get(x);
      const sum = sums.get(reader ?? name);
      if (reader !== undefined) {
        if (sum && !sum.names.includes(name)) sum.names.push(name);
        continue;
      }
      firstReader.set(x, name);
      const size = x.shape.at(-1) ?? 1;
      let into = sum?.tensor;
      if (into === undefined) {
        const buffer = this.gpu.buffers.storage(`covariance of ${name}`, size * size * 4);
        owned.push(buffer);
        const storage = { buffer, offset: 0, bytes: buffer.bytes };
        into = { name, shape: [size, size], dtype: 'f32', trainable: false, elements: size * size, storage };
        sums.set(name, { tensor: into, names: [name] });
      }
      const rows = scaleRows(g, x, this.network.rowMask(name, inputs));
      matmul(g, rows, rows, { layout: 'tn', into, accumulate: true });
    }
  }

  /** Replaces the pair that is being trained: to go on from saved adapters. A [r, in], B [out, r]. */
  setAdapter(name: string, A: Matrix, B: Matrix): void {
    const group = this.#lora.find(({ layers }) => layers.names.includes(name));
    if (group === undefined) throw new Error(`${name} has no adapter`);
    group.adapters.A.write(name, A);
    group.adapters.B.write(name, B);
  }

  /** Everything that was trained, as it is now; waits for the GPU. Names are layers, without `.weight`. */
  async readTrained(): Promise<{
    adapters: Map<string, { A: Matrix; B: Matrix; previous: { A: Matrix; B: Matrix } | undefined }>;
    weights: Map<string, Matrix>;
    moments: Map<string, Matrix>;
    spaces: Map<string, Matrix>;
  }> {
    const adapters = new Map<string, { A: Matrix; B: Matrix; previous: { A: Matrix; B: Matrix } | undefined }>();
    const weights = new Map<string, Matrix>();
    const moments = new Map<string, Matrix>();
    const spaces = new Map<string, Matrix>();
    for (const group of this.#lora) {
      const [A, B] = [await group.adapters.A.read(), await group.adapters.B.read()];
      for (const name of group.layers.names) {
        const pair = { A: A.get(name) as Matrix, B: B.get(name) as Matrix };
        adapters.set(name, { ...pair, previous: group.adapters.previous.get(name) });
      }
      for (const [name, m] of await group.momentsA.m.read()) moments.set(name, m);
      for (const [name, S] of group.space?.spaces ?? []) spaces.set(name, S);
    }
    for (const group of this.#full) {
      for (const [name, W] of await group.weights.read()) weights.set(name, W);
      for (const [name, m] of await group.moments.m.read()) moments.set(name, m);
      for (const [name, S] of group.space?.spaces ?? []) spaces.set(name, S);
    }
    return { adapters, weights, moments, spaces };
  }

  #dropPrograms(): void {
    for (const { compiled, owned } of this.#programs.values()) {
      compiled.destroy();
      for (const buffer of owned) buffer.destroy();
    }
    this.#programs = new Map();
    this.#update?.destroy();
    this.#normProgram?.destroy();
    this.#update = this.#normProgram = undefined;
  }

  destroy(): void {
    this.#dropPrograms();
    this.#ring.destroy();
    for (const group of [...this.#lora, ...this.#full]) group.destroy();
    this.parameters.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}

function checkRank(setting: string, rank: number, layer: string, out: number, inputs: number): void {
  if (rank <= Math.min(out, inputs)) return;
  throw new GorpError(
    'settings/rank-too-large',
    `${setting} is ${rank}, but ${layer} is only [${out}, ${inputs}].`,
    `Choose a rank of at most ${Math.min(out, inputs)}.`,
  );
}
