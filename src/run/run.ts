import { GorpError, reportOf } from '../base/errors.ts';
import { mixSeed } from '../base/random.ts';
import { Learner, type LearnerBatch, type StepRecord } from '../gorp/learner.ts';
import { T5_TARGETS } from '../gorp/method-groups.ts';
import type { Gpu } from '../gpu/device.ts';
import { tuneGpu } from '../gpu/tune.ts';
import { sizeOf } from '../graph/tensor.ts';
import { checkShapes } from '../models/parameters.ts';
import { parseT5Config } from '../models/t5-config.ts';
import { type BatchSizes, T5Network } from '../models/t5-network.ts';
import type { ReadText } from '../tasks/benchmark.ts';
import { makeBatch, trainingOrder } from '../tasks/batches.ts';
import { checkVocabulary, loadTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import type { ModelFiles, ModelProgress } from '../weights/source.ts';
import { RunControl, Stopped } from './control.ts';
import { TimeEstimate } from './estimate.ts';
import { Evaluator, SOURCE_BUCKET } from './evaluator.ts';
import type { RunEvent } from './events.ts';
import { RunRecord } from './record.ts';
import type { DeviceReport } from './results.ts';
import type { RunSettings } from './settings.ts';
import { type EncodedTask, prepareTask, reportOfTask } from './task-data.ts';

/** What a run needs from where it runs: a page's worker, or Node. */
export interface RunHost {
  acquireGpu(): Promise<Gpu>;
  /** Opens the model of the settings through the weight store. */
  openModel(model: string, onProgress: (progress: ModelProgress) => void): Promise<ModelFiles>;
  /** Reads text files of the tasks of the settings. */
  taskReader(tasks: string): ReadText;
  emit(event: RunEvent): void;
  /** A clock in milliseconds. */
  now(): number;
  code: { version: string; commit: string };
}

// Prompts of a task that its activation space is built from.
const ACTIVATION_SAMPLE = 192;
// Seconds of training between two reports, about.
const REPORT_SECONDS = 0.25;

/** One run: a model learns the tasks of an order one after another. Every end, good or bad, frees the GPU. */
export class Run {
  readonly #control: RunControl;
  readonly #record: RunRecord;
  #gpu: Gpu | undefined;

  constructor(
    private readonly host: RunHost,
    private readonly settings: RunSettings,
  ) {
    this.#control = new RunControl(() => host.now());
    this.#record = new RunRecord(settings, host.code, () => this.#control.seconds);
  }

  pause(): void {
    this.#control.pause();
  }
  resume(): void {
    this.#control.resume();
  }
  stop(): void {
    this.#control.stop();
  }

  /** Runs to the end and tells it by an event: `finished`, `stopped` or `failed`. Never throws. */
  async execute(): Promise<void> {
    try {
      await this.#train();
      this.host.emit({ type: 'finished', results: this.#record.results('finished', null) });
    } catch (thrown) {
      if (thrown instanceof Stopped) {
        this.host.emit({ type: 'stopped', results: this.#record.results('stopped', null) });
        return;
      }
      const error = reportOf(thrown);
      const results = this.#record.isStarted ? this.#record.results('failed', error) : null;
      this.host.emit({ type: 'failed', error, results });
    }
  }

  async #train(): Promise<void> {
    const gpu = await this.host.acquireGpu();
    this.#gpu = gpu;
    const owned: { destroy(): void }[] = [];
    try {
      this.#emitDevice(gpu);
      const { model, tokenizer, network } = await this.#openModel(gpu, owned);
      const tasks = await this.#prepareTasks(tokenizer);
      // Once the files are known to be good: it takes seconds where shaders compile slowly.
      this.#progress({ phase: 'compile', item: 'kernels', done: 0, total: 1, unit: 'items' });
      await tuneGpu(gpu, () => this.host.now());
      const learner = await this.#createLearner(gpu, network, model, owned);
      await new Rounds(this.host, this.settings, this.#control, this.#record, {
        gpu,
        network,
        learner,
        tokenizer,
        tasks,
      }).run();
    } catch (thrown) {
      throw await causeOf(thrown, gpu);
    } finally {
      for (const part of owned.reverse()) part.destroy();
      this.#record.memory = { peakBytes: gpu.buffers.peakBytes, liveBuffersAtEnd: gpu.buffers.liveBuffers };
      this.host.emit({ type: 'memory', ...memoryOf(gpu) });
      gpu.destroy();
      this.#gpu = undefined;
    }
  }

  /** Breaks the device on purpose, as a crash of the GPU process would: for tests of the failure path. */
  breakDevice(): void {
    this.#gpu?.device.destroy();
  }

  #emitDevice(gpu: Gpu): void {
    const device: DeviceReport = { ...gpu.facts };
    this.#record.device = device;
    this.host.emit({ type: 'device', device });
  }

  async #openModel(
    gpu: Gpu,
    owned: { destroy(): void }[],
  ): Promise<{ model: ModelFiles; tokenizer: Tokenizer; network: T5Network }> {
    const model = await this.host.openModel(this.settings.model, ({ file, bytes, totalBytes, source }) => {
      this.#progress({ phase: 'weights', item: file, done: bytes, total: totalBytes ?? bytes, unit: 'bytes', source });
    });
    await this.#checkpoint();
    try {
      const config = parseT5Config(model.config);
      const tokenizer = loadTokenizer(model.tokenizer, model.tokenizerConfig);
      checkVocabulary(tokenizer, config.vocabSize);
      const { sourceLength, targetLength } = this.settings.training;
      const network = new T5Network(gpu, config, Math.max(sourceLength, targetLength + 1));
      owned.push(network);
      checkShapes(network.shapes, model.tensors, (name) => network.isRedundant(name));
      return { model, tokenizer, network };
    } catch (thrown) {
      // Kept, files that are no model would fail every later start, though they were mended where they come from.
      if (/^(model|text)\//.test(reportOf(thrown).code)) await model.discard();
      throw thrown;
    }
  }

  async #prepareTasks(tokenizer: Tokenizer): Promise<EncodedTask[]> {
    const { order, tasks: source } = this.settings;
    const read = this.host.taskReader(source);
    const tasks: EncodedTask[] = [];
    for (const [i, name] of order.entries()) {
      this.#progress({ phase: 'tasks', item: name, done: i, total: order.length, unit: 'items' });
      const warn = (message: string): void => this.host.emit({ type: 'warning', message });
      tasks.push(await prepareTask(read, name, this.settings, tokenizer, warn));
      await this.#checkpoint();
    }
    return tasks;
  }

  async #createLearner(
    gpu: Gpu,
    network: T5Network,
    model: ModelFiles,
    owned: { destroy(): void }[],
  ): Promise<Learner> {
    let loaded = 0;
    const { seed, maxGradNorm, gradientAccumulation } = this.settings.training;
    const learner = await Learner.create(
      gpu,
      network,
      this.settings.method,
      T5_TARGETS,
      { seed, maxGradNorm, gradientAccumulation },
      (name) => model.readTensor(name),
      (name) => {
        loaded++;
        this.#progress({ phase: 'compile', item: name, done: loaded, total: network.shapes.size, unit: 'items' });
      },
    );
    owned.push(learner);
    const parameters = [...network.shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
    this.#record.model = { name: this.settings.model, parameters, trainable: learner.trainableParameters };
    return learner;
  }

  #progress(progress: Omit<Extract<RunEvent, { type: 'progress' }>, 'type' | 'round' | 'secondsLeft'>): void {
    this.host.emit({ type: 'progress', round: 0, secondsLeft: null, ...progress });
  }

  #checkpoint(): Promise<void> {
    return this.#control.checkpoint((paused) => this.host.emit({ type: paused ? 'paused' : 'resumed' }));
  }
}

// Milliseconds from the first call that fails on a lost device to the news of its loss, at most.
const NEWS_OF_LOSS = 1000;

/** Calls on a lost device fail with errors of the browser's own, a moment before the loss is told: the loss then. */
function causeOf(thrown: unknown, gpu: Gpu): Promise<unknown> {
  if (thrown instanceof GorpError) return Promise.resolve(thrown);
  const waited = new Promise<void>((resolve) => setTimeout(resolve, NEWS_OF_LOSS));
  return Promise.race([gpu.lost, waited]).then(
    () => thrown,
    (loss: unknown) => loss,
  );
}

const memoryOf = (gpu: Gpu): { liveBytes: number; peakBytes: number; liveBuffers: number } => {
  const { liveBytes, peakBytes, liveBuffers } = gpu.buffers;
  return { liveBytes, peakBytes, liveBuffers };
};

type SizedBatch = LearnerBatch & { sizes: BatchSizes };

/** The rounds of a run: evaluation before training, then for each task training, growing of the space, evaluation. */
class Rounds {
  readonly #estimate: TimeEstimate;
  #round = 0;
  #step = 0;
  #pending: Promise<void> | undefined;
  #tokens = 0;

  constructor(
    private readonly host: RunHost,
    private readonly settings: RunSettings,
    private readonly control: RunControl,
    private readonly record: RunRecord,
    private readonly parts: {
      gpu: Gpu;
      network: T5Network;
      learner: Learner;
      tokenizer: Tokenizer;
      tasks: EncodedTask[];
    },
  ) {
    const { tasks } = parts;
    const steps = tasks.map((task) => this.#stepsOf(task));
    const examples = Array.from({ length: tasks.length + 1 }, (_, round) => this.#toEvaluate(round))
      .flat()
      .reduce((sum, task) => sum + tasks[task].test.length, 0);
    this.#estimate = new TimeEstimate(
      steps.reduce((a, b) => a + b, 0),
      examples,
    );
    record.start(tasks.map(reportOfTask));
    host.emit({ type: 'plan', tasks: tasks.map(reportOfTask), stepsPerRound: steps, model: record.model });
  }

  async run(): Promise<void> {
    try {
      await this.#learn();
    } finally {
      // A read that is under way holds a buffer, and brings the last losses.
      await this.#pending?.catch(() => undefined);
    }
  }

  async #learn(): Promise<void> {
    const { tasks, learner } = this.parts;
    await this.#evaluate();
    for (const task of tasks) {
      this.#round++;
      this.#progress('compile', task.name, 0, 1, 'items');
      await learner.beginTask();
      await this.#trainTask(task);
      this.#progress('space', task.name, 0, 1, 'items');
      const growths = await learner.endTask(this.#sample(task));
      if (growths.length > 0) this.#emitSpaces(growths);
      await this.#evaluate();
    }
  }

  /** Tasks seen, and the next one, which forward transfer asks for; all of them before training. */
  #toEvaluate(round: number): number[] {
    const all = this.parts.tasks.map((_, i) => i);
    return round === 0 ? all : all.slice(0, round + 1);
  }

  #stepsOf(task: EncodedTask): number {
    const { batchSize, gradientAccumulation, epochs } = this.settings.training;
    return epochs * Math.ceil(Math.ceil(task.train.length / batchSize) / gradientAccumulation);
  }

  #batch(task: EncodedTask, indexes: readonly number[]): SizedBatch {
    const { batchSize, sourceLength, targetLength } = this.settings.training;
    const { padId, startId } = this.parts.network.config;
    const size = Math.min(batchSize, task.train.length);
    const batch = makeBatch(task.train, indexes, {
      batchSize: size,
      sourceLength,
      sourceBucket: SOURCE_BUCKET,
      targetLength,
      targetBucket: 1,
      padId,
      startId,
    });
    return { ...batch, sizes: { B: size, S: batch.sourceLength, T: batch.targetLength } };
  }

  /** Batches of the first training examples, for the activation space. */
  #sample(task: EncodedTask): SizedBatch[] {
    const { batchSize } = this.settings.training;
    const count = Math.min(ACTIVATION_SAMPLE, task.train.length);
    const starts = Array.from({ length: Math.ceil(count / batchSize) }, (_, i) => i * batchSize);
    return starts.map((start) => {
      const length = Math.min(batchSize, count - start);
      return this.#batch(
        task,
        Array.from({ length }, (_, i) => start + i),
      );
    });
  }

  async #trainTask(task: EncodedTask): Promise<void> {
    const { seed, epochs, batchSize, gradientAccumulation } = this.settings.training;
    const total = this.#stepsOf(task);
    const shuffleSeed = mixSeed(seed, 'round', this.#round);
    let done = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const batches = trainingOrder(task.train, batchSize, shuffleSeed, epoch);
      for (let at = 0; at < batches.length; at += gradientAccumulation) {
        const micro = batches.slice(at, at + gradientAccumulation).map((indexes) => this.#batch(task, indexes));
        for (const { sourceLengths } of micro) this.#tokens += sourceLengths.reduce((a, b) => a + b, 0);
        await this.parts.learner.step(micro);
        done++;
        const every = Math.max(1, Math.round(REPORT_SECONDS / (this.#estimate.stepSeconds ?? REPORT_SECONDS)));
        if (this.parts.learner.untakenSteps >= Math.min(every, this.parts.learner.ringSteps)) await this.#report();
        this.#progress('train', task.name, done, total, 'steps');
        await this.#checkpoint();
      }
    }
    await this.#report();
    await this.#pending;
  }

  #lastReport = 0;

  /** Asks for the numbers of the steps so far, once the numbers asked for before have come: one report of lead. */
  async #report(): Promise<void> {
    await this.#pending;
    const { learner, gpu } = this.parts;
    const count = learner.untakenSteps;
    if (count === 0) return;
    const [round, tokens] = [this.#round, this.#tokens];
    this.#tokens = 0;
    this.#pending = learner.takeRecords().then((records) => {
      const now = this.control.seconds;
      const seconds = now - this.#lastReport;
      this.#lastReport = now;
      this.#estimate.didSteps(count, seconds);
      const broken = records.findIndex(isBroken);
      const sound = broken < 0 ? records : records.slice(0, broken);
      const steps = sound.map((_, i) => this.#step + i + 1);
      this.#step += sound.length;
      if (sound.length > 0) {
        this.record.addSteps(round, steps, sound, now);
        this.host.emit({
          type: 'steps',
          round,
          steps,
          losses: sound.map(({ loss }) => loss),
          gradientNorms: sound.map(({ gradientNorm }) => gradientNorm),
          tokensPerSecond: tokens / seconds,
          projectedAway: sound[sound.length - 1].projectedAway,
        });
      }
      this.host.emit({ type: 'memory', ...memoryOf(gpu) });
      if (broken >= 0) throw diverged(this.#step + 1);
    });
    this.#pending.catch(() => undefined); // heard by whoever awaits it next
  }

  async #evaluate(): Promise<void> {
    const { gpu, network, learner, tokenizer, tasks } = this.parts;
    const evaluator = new Evaluator(gpu, network, learner, tokenizer, this.settings.training);
    try {
      for (const index of this.#toEvaluate(this.#round)) {
        if (index >= tasks.length) continue;
        const task = tasks[index];
        let before = this.control.seconds;
        let counted = 0;
        const accuracy = await evaluator.evaluate(task, async (done) => {
          const now = this.control.seconds;
          this.#estimate.didExamples(done - counted, now - before);
          [before, counted] = [now, done];
          this.#progress('evaluate', task.name, done, task.test.length, 'examples');
          await this.#checkpoint();
        });
        this.record.setAccuracy(this.#round, index, accuracy);
        this.host.emit({ type: 'evaluation', round: this.#round, task: index, ...accuracy });
      }
    } finally {
      evaluator.destroy();
    }
    this.#lastReport = this.control.seconds;
  }

  #emitSpaces(growths: Awaited<ReturnType<Learner['endTask']>>): void {
    const { threshold } = this.settings.method;
    const tensors = growths.map(({ name, part, dimension, added, total, heldBefore, spectrum }) => ({
      name,
      part,
      dimension,
      added,
      total,
      heldBefore,
      spectrum,
      threshold,
    }));
    this.record.addSpaces(this.#round, tensors);
    this.host.emit({ type: 'space', round: this.#round, tensors });
    const full = tensors.filter(({ total, dimension }) => total >= dimension);
    if (full.length > 0 && this.#round < this.parts.tasks.length) {
      this.host.emit({
        type: 'warning',
        message: `The shared space of ${full.length} of ${tensors.length} tensors is full; these no longer learn: ${full
          .map(({ name }) => name)
          .slice(0, 3)
          .join(', ')}${full.length > 3 ? ', …' : ''}.`,
      });
    }
  }

  #progress(
    phase: 'compile' | 'train' | 'space' | 'evaluate',
    item: string,
    done: number,
    total: number,
    unit: 'steps' | 'examples' | 'items',
  ): void {
    const { secondsLeft } = this.#estimate;
    this.host.emit({ type: 'progress', phase, round: this.#round, item, done, total, unit, secondsLeft });
  }

  #checkpoint(): Promise<void> {
    return this.control.checkpoint((paused) => this.host.emit({ type: paused ? 'paused' : 'resumed' }));
  }
}

/**
 * Whether the numbers of a model have left the range of f32. RMS norm turns what is too large into zeros, so that the
 * loss may stay finite; nothing that is trained has any part in it then, though it is not 0.
 */
function isBroken({ loss, gradientNorm }: StepRecord): boolean {
  return !Number.isFinite(loss) || !Number.isFinite(gradientNorm) || (gradientNorm === 0 && loss > 0);
}

const diverged = (step: number): GorpError =>
  new GorpError(
    'run/not-finite',
    `Training has diverged: in step ${step} the loss or its gradient is no longer a number, or nothing trained has any part in it.`,
    'Start again with a smaller learning rate.',
  );
