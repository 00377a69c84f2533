import { explained, GorpError, reportOf } from '../base/errors.ts';
import { mixSeed, seededRandom, shuffled } from '../base/random.ts';
import type { Learner, StepRecord } from '../gorp/learner.ts';
import { isSoft, type MethodPlan } from '../gorp/method-plan.ts';
import type { Device } from '../device/device.ts';
import { planOf } from '../methods/registry.ts';
import type { Network, SizedBatch } from '../models/network.ts';
import { parametersWithoutEmbeddings } from '../models/parameters.ts';
import { sizedBatch, trainingOrder } from '../tasks/batches.ts';
import { withReplay } from '../tasks/replay.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import type { SavedCheckpoint } from './checkpoint/checkpoint.ts';
import type { Checkpointer } from './checkpoint/checkpointer.ts';
import { leftAt, type Place, placeAt } from './checkpoint/place.ts';
import type { RunControl } from './control.ts';
import { amountOf } from './amount.ts';
import { TimeEstimate } from './estimate.ts';
import { Evaluator } from './evaluator.ts';
import { memoryOf, type RoundOutput, type RunHost } from './host.ts';
import { ordersFolder, roundFolder } from './outputs/layout.ts';
import type { TestedTask } from './outputs/metrics.ts';
import { replayEvents } from './outputs/replay-events.ts';
import { type EndedRound, resultFiles, testFiles, trainedFiles } from './outputs/round-files.ts';
import type { SavedRound } from './outputs/saved-round.ts';
import type { RunRecord } from './record.ts';
import { epochsOf, type RunSettings } from './settings.ts';
import { type Round, scheduledRounds, roundName } from './schedule.ts';
import { type EncodedTask, reportOfTask } from './task-data.ts';

// Prompts of a task that its activation space is built from.
const ACTIVATION_SAMPLE = 192;
// Seconds of training between two reports, about.
const REPORT_SECONDS = 0.25;

/** A test, with the task it was made with. */
type TestOfTask = TestedTask & { task: EncodedTask };

/** What a round trains on: a task's examples, or those of all tasks together. */
type TrainingData = Pick<EncodedTask, 'name' | 'train'> & { readonly epochs: number };

/** The rounds of a run: evaluation before training, then for each round training, growing of the space, evaluation. */
export class Rounds {
  readonly #host: RunHost;
  readonly #settings: RunSettings;
  readonly #control: RunControl;
  readonly #record: RunRecord;
  readonly #parts: {
    device: Device;
    network: Network;
    learner: Learner;
    tokenizer: Tokenizer;
    tasks: EncodedTask[];
    model: ModelFiles;
    /** Names the tasks' examples. */
    data: string;
    checkpointer: Checkpointer;
    /** Where the same run was, or the round of an earlier one, to go on from: the learner is there already. */
    checkpoint: SavedCheckpoint | undefined;
    saved: SavedRound | undefined;
  };
  readonly #estimate: TimeEstimate;
  readonly #plan: MethodPlan;
  readonly #rounds: Round[];
  /** Optimizer steps of every round. */
  readonly #steps: readonly number[];
  /** Where the run is in its data. Seconds of training in the round are those until {@link #learningSince}. */
  #place: Place;
  #learningSince = 0;
  /** Steps of the run whose losses are known. */
  #step = 0;
  #pending: Promise<void> | undefined;
  #tokens = 0;

  constructor(
    host: RunHost,
    settings: RunSettings,
    control: RunControl,
    record: RunRecord,
    parts: {
      device: Device;
      network: Network;
      learner: Learner;
      tokenizer: Tokenizer;
      tasks: EncodedTask[];
      model: ModelFiles;
      /** Names the tasks' examples. */
      data: string;
      checkpointer: Checkpointer;
      /** Where the same run was, or the round of an earlier one, to go on from: the learner is there already. */
      checkpoint: SavedCheckpoint | undefined;
      saved: SavedRound | undefined;
    },
  ) {
    this.#host = host;
    this.#settings = settings;
    this.#control = control;
    this.#record = record;
    this.#parts = parts;
    const { tasks, checkpoint, saved } = parts;
    this.#plan = planOf(settings.method);
    this.#rounds = scheduledRounds(this.#plan.schedule, tasks.length);
    this.#place = checkpoint ? structuredClone(checkpoint.place) : placeAt(saved?.round ?? 0, 'begin');
    const amount = amountOf(
      settings,
      tasks.map(({ name, train, test }) => ({ name, train: train.length, test: test.length })),
    );
    this.#steps = amount.steps;
    const left = leftAt(this.#place, amount);
    this.#estimate = new TimeEstimate(left.steps, left.tests);
    const reports = tasks.map(reportOfTask);
    record.start(reports);
    host.emit({ type: 'plan', tasks: reports, stepsPerRound: amount.steps, model: record.model });
    if (checkpoint) record.goOn(checkpoint);
    else if (saved) record.resume(saved);
    const from = checkpoint ?? saved;
    if (from) {
      this.#step = from.results.curves.step.at(-1) ?? 0;
      for (const event of replayEvents(record.results('stopped', null), reports)) host.emit(event);
    }
    host.emit({ type: 'so-far', results: record.results('stopped', null) });
  }

  async run(): Promise<void> {
    try {
      await this.#learn();
    } catch (thrown) {
      // What stumbles over numbers that are none comes behind the step that broke them: its record says what broke.
      if (thrown instanceof GorpError && thrown.code === 'run/not-finite') await this.#settle();
      throw thrown;
    } finally {
      // A read that is under way holds a buffer, and brings the last losses.
      await this.#pending?.catch(() => undefined);
    }
  }

  /** Tests on all tasks, and trains nothing: row 0 of the matrix is the model as it is. */
  async test(): Promise<void> {
    const tests = await this.#evaluate(this.#all);
    const orderFolder = ordersFolder(this.#settings.order);
    const soFar = this.#record.results('stopped', null);
    await this.#keep({ orderFolder, roundFolder: 'test', results: testFiles(tests), trained: [], soFar });
  }

  async #learn(): Promise<void> {
    const { learner } = this.#parts;
    this.#lastReport = this.#control.seconds;
    if (this.#place.phase === 'begin') {
      const { round } = this.#place;
      // Of a row that was begun elsewhere, the tasks are tested that it lacks: those that were not in that order.
      const first = this.#rounds.find(({ number }) => number === round)?.tests ?? this.#all;
      await this.#evaluate(first.filter((task) => !this.#record.isMeasured(round, task)));
    }
    for (const [i, round] of this.#rounds.entries()) {
      const { number } = round;
      const { round: begun, phase } = this.#place;
      if (number < begun || (number === begun && phase === 'begin')) continue;
      const data = this.#dataOf(round);
      const sample = this.#sample(data);
      if (number > begun) {
        this.#control.reached('round');
        await this.#heed();
        this.#place = placeAt(number, 'learn');
        this.#progress('compile', data.name, 0, 1, 'items');
        await learner.beginTask(sample);
      }
      if (this.#place.phase === 'learn') {
        await this.#trainTask(data);
        this.#progress('space', data.name, 0, 1, 'items');
        const growths = await learner.endTask({ sample, singles: this.#singles(data), examples: data.train });
        this.#record.addStateBytes(number, learner.stateBytes);
        if (growths.length > 0) this.#emitSpaces(growths);
        this.#place.phase = 'test';
      }
      const tests = await this.#evaluate(round.tests);
      this.#host.emit({ type: 'so-far', results: this.#record.results('stopped', null) });
      const seen = tests.filter((_, k) => round.tests[k] < number);
      await this.#save(roundFolder(i + 1, data.name), { epochs: data.epochs, examples: data.train.length }, seen);
    }
  }

  /** Hands the files of the round to the host. What prevents it from keeping them does not end the run. */
  async #save(
    folder: string,
    { epochs, examples }: { epochs: number; examples: number },
    tests: TestOfTask[],
  ): Promise<void> {
    const [record, settings] = [this.#record, this.#settings];
    const { round, seconds, paddedTokens } = this.#place;
    const { learner, model, network } = this.#parts;
    if (!this.#host.saveRound) return;
    const losses = record.lossesOf(round);
    const parameters = parametersWithoutEmbeddings(network.shapes);
    const trained = { epochs, examples, losses, seconds, paddedTokens, parameters };
    const ended: EndedRound = { round, trained, tests, results: record.results('stopped', null) };
    await this.#keep({
      orderFolder: ordersFolder(settings.order),
      roundFolder: folder,
      results: resultFiles(ended),
      trained: trainedFiles(learner.trained, model, ended),
      soFar: ended.results,
    });
  }

  async #keep(output: RoundOutput): Promise<void> {
    if (!this.#host.saveRound) return;
    this.#progress('save', output.roundFolder, 0, 1, 'items');
    try {
      await this.#host.saveRound(output);
    } catch (thrown) {
      const error = reportOf(thrown);
      if (error.code.startsWith('device/')) throw thrown;
      const what = `The files of ${output.roundFolder} could not be kept: ${explained(error)}`;
      this.#host.emit({ type: 'warning', message: what });
    }
  }

  get #all(): number[] {
    return this.#parts.tasks.map((_, task) => task);
  }

  #dataOf({ number, trains }: Round): TrainingData {
    const tasks = trains.map((task) => this.#parts.tasks[task]);
    const epochs = epochsOf(
      this.#settings,
      tasks.map(({ name }) => name),
    );
    return { name: roundName(this.#settings, number), train: tasks.flatMap(({ train }) => train), epochs };
  }

  #batch(
    task: TrainingData,
    indexes: readonly number[],
    rows = Math.min(this.#settings.training.batchSize, task.train.length),
  ): SizedBatch {
    const { sourceLength, targetLength } = this.#settings.training;
    return sizedBatch(task.train, indexes, { batchSize: rows, sourceLength, targetLength });
  }

  /** Batches of one example each, drawn at random, for the pass over single examples that a method may ask for. */
  #singles(task: TrainingData): SizedBatch[] {
    const { seed } = this.#settings.training;
    const all = shuffled([...task.train.keys()], seededRandom(mixSeed(seed, 'singles', this.#place.round)));
    return all.slice(0, this.#plan.passes.squares).map((index) => this.#batch(task, [index], 1));
  }

  /** The batches of an epoch, with examples of earlier tasks among them where the method replays some. */
  #batches(task: TrainingData, shuffleSeed: number, epoch: number): SizedBatch[] {
    const order = trainingOrder(task.train, this.#settings.training.batchSize, shuffleSeed, epoch);
    const { replay } = this.#plan;
    if (replay === null) return order.map((indexes) => this.#batch(task, indexes));
    const memory = this.#parts.learner.rememberedExamples;
    // New examples first, then those of the memory: rows are indexes into both.
    const both: TrainingData = { ...task, train: [...task.train, ...memory] };
    const at = { new: 0, memory: task.train.length };
    const rows = Math.min(this.#settings.training.batchSize, task.train.length);
    return withReplay(
      order,
      memory.map((example) => example.task),
      replay.share,
      shuffleSeed,
      epoch,
    ).map((mixed) =>
      this.#batch(
        both,
        mixed.map(({ from, index }) => at[from] + index),
        rows,
      ),
    );
  }

  /** Batches of the first training examples, for the activation space. */
  #sample(task: TrainingData): SizedBatch[] {
    const { batchSize } = this.#settings.training;
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

  async #trainTask(task: TrainingData): Promise<void> {
    const { seed, gradientAccumulation } = this.#settings.training;
    const { round } = this.#place;
    const total = this.#steps[round - 1];
    const shuffleSeed = mixSeed(seed, 'round', round);
    const { steps: before } = this.#place;
    let done = 0;
    this.#learningSince = this.#control.seconds;
    for (let epoch = 0; epoch < task.epochs; epoch++) {
      const batches = this.#batches(task, shuffleSeed, epoch);
      for (let at = 0; at < batches.length; at += gradientAccumulation) {
        if (++done <= before) continue; // of a run that goes on
        const micro = batches.slice(at, at + gradientAccumulation);
        for (const { rows, sizes } of micro) {
          this.#tokens += rows.reduce((sum, { source }) => sum + source.length, 0);
          this.#place.paddedTokens += sizes.B * sizes.S;
        }
        await this.#parts.learner.step(micro);
        this.#place.steps = done;
        const every = Math.max(1, Math.round(REPORT_SECONDS / (this.#estimate.stepSeconds ?? REPORT_SECONDS)));
        if (this.#parts.learner.untakenSteps >= Math.min(every, this.#parts.learner.ringSteps)) await this.#report();
        this.#progress('train', task.name, done, total, 'steps');
        this.#control.reached('step');
        await this.#heed();
      }
    }
    await this.#settle();
    this.#countLearning();
  }

  /** Brings the numbers of the steps that the device has still to do. */
  async #settle(): Promise<void> {
    await this.#report();
    await this.#pending;
  }

  /** Adds the seconds since the last call to those of the round's training. */
  #countLearning(): void {
    const now = this.#control.seconds;
    this.#place.seconds += now - this.#learningSince;
    this.#learningSince = now;
  }

  #lastReport = 0;

  /** Asks for the numbers of the steps so far, once the numbers asked for before have come: one report of lead. */
  async #report(): Promise<void> {
    await this.#pending;
    const { learner, device } = this.#parts;
    const count = learner.untakenSteps;
    if (count === 0) return;
    const { round } = this.#place;
    const tokens = this.#tokens;
    this.#tokens = 0;
    this.#pending = learner.takeRecords().then((records) => {
      const now = this.#control.seconds;
      const seconds = now - this.#lastReport;
      this.#lastReport = now;
      this.#estimate.didSteps(count, seconds);
      const broken = records.findIndex(isBroken);
      const sound = broken < 0 ? records : records.slice(0, broken);
      const steps = sound.map((_, i) => this.#step + i + 1);
      this.#step += sound.length;
      if (sound.length > 0) {
        this.#record.addSteps(round, steps, sound, now);
        this.#host.emit({
          type: 'steps',
          round,
          steps,
          losses: sound.map(({ loss }) => loss),
          gradientNorms: sound.map(({ gradientNorm }) => gradientNorm),
          tokensPerSecond: tokens / seconds,
          layers: sound[sound.length - 1].layers,
        });
      }
      this.#host.emit({ type: 'memory', ...memoryOf(device) });
      if (broken >= 0) throw diverged(this.#step + 1, records[broken], this.#parts.network);
    });
    this.#pending.catch(() => undefined); // heard by whoever awaits it next
  }

  async #evaluate(indexes: readonly number[]): Promise<TestOfTask[]> {
    const { device, network, learner, tokenizer, tasks } = this.#parts;
    const evaluator = new Evaluator(device, network, learner, tokenizer, this.#settings.training, () =>
      this.#host.now(),
    );
    const tests: TestOfTask[] = [];
    const { phase, round, tests: complete } = this.#place;
    try {
      for (const index of indexes) {
        const task = tasks[index];
        const { kind, name } = task;
        const known = complete.find((one) => one.task === index);
        if (known) {
          tests.push({ ...known, task, kind, name });
          continue;
        }
        const start = this.#control.seconds;
        let before = start;
        let counted = 0;
        const { accuracy, answers, time } = await evaluator.evaluate(task, async (done) => {
          const now = this.#control.seconds;
          this.#estimate.didExamples(done - counted, now - before);
          [before, counted] = [now, done];
          this.#progress('evaluate', task.name, done, task.test.length, 'examples');
          await this.#heed();
        });
        this.#record.setAccuracy(round, index, accuracy);
        this.#record.addTestTime(time);
        this.#host.emit({ type: 'evaluation', round, task: index, ...accuracy, time });
        const batches = Math.ceil(answers.length / this.#settings.training.evaluationBatchSize);
        const test = { answers, batches, seconds: this.#control.seconds - start };
        tests.push({ ...test, task, kind, name });
        if (phase === 'test') complete.push({ ...test, task: index });
      }
    } finally {
      evaluator.destroy();
    }
    this.#lastReport = this.#control.seconds;
    return tests;
  }

  #emitSpaces(tensors: Awaited<ReturnType<Learner['endTask']>>): void {
    const { round } = this.#place;
    this.#record.addSpaces(round, tensors);
    this.#host.emit({ type: 'space', round, tensors });
    // A soft space leaves something of every direction.
    const full =
      this.#plan.space && isSoft(this.#plan.space) ? [] : tensors.filter(({ total, dimension }) => total >= dimension);
    if (full.length > 0 && round < this.#parts.tasks.length) {
      this.#host.emit({
        type: 'warning',
        message: `The shared space of ${full.length} of ${tensors.length} tensors is full; these no longer learn: ${full
          .map(({ name }) => name)
          .slice(0, 3)
          .join(', ')}${full.length > 3 ? ', …' : ''}.`,
      });
    }
  }

  #progress(
    phase: 'compile' | 'train' | 'space' | 'evaluate' | 'save',
    item: string,
    done: number,
    total: number,
    unit: 'steps' | 'examples' | 'items',
  ): void {
    const { secondsLeft } = this.#estimate;
    this.#host.emit({ type: 'progress', phase, round: this.#place.round, item, done, total, unit, secondsLeft });
  }

  /** A place between two steps or two batches of a test: saves what is due, and waits or ends as it is told. */
  async #heed(): Promise<void> {
    const { checkpointer } = this.#parts;
    if (checkpointer.isOn && (this.#control.isHeldUp || checkpointer.isDue)) await this.#saveCheckpoint();
    await this.#control.heed({
      // The numbers of steps that the GPU has still to do belong to the time before.
      settle: () => this.#settle(),
      onPause: (paused) => this.#host.emit({ type: paused ? 'paused' : 'resumed' }),
      broken: this.#parts.device.lost,
    });
  }

  async #saveCheckpoint(): Promise<void> {
    const { learner, data, checkpointer } = this.#parts;
    await this.#settle();
    if (this.#place.phase === 'learn') this.#countLearning();
    const results = this.#record.results('stopped', null);
    const checkpoint = { place: this.#place, results, sampling: this.#record.sampling, data, learner: learner.state };
    await checkpointer.save(checkpoint, this.#estimate.secondsLeft);
    this.#lastReport = this.#learningSince = this.#control.seconds;
  }
}

/**
 * Whether the numbers of a model have left the range of f32. RMS norm turns what is too large into zeros, so that the
 * loss may stay finite; nothing that is trained has any part in it then, though it is not 0.
 */
function isBroken({ loss, gradientNorm }: StepRecord): boolean {
  return !Number.isFinite(loss) || !Number.isFinite(gradientNorm) || (gradientNorm === 0 && loss > 0);
}

function diverged(step: number, record: StepRecord, { shapes }: Network): GorpError {
  return new GorpError(
    'run/not-finite',
    `Training has diverged: in step ${step} ${whatBroke(record, [...shapes.keys()])}.`,
    'Start again with a smaller learning rate.',
  );
}

/** @param parameters of the model, in the order in which it uses them. */
function whatBroke({ loss, gradientNorm, layers }: StepRecord, parameters: readonly string[]): string {
  if (!Number.isFinite(loss)) return 'the loss is no longer a number';
  if (gradientNorm === 0) return 'nothing that is trained has any part in the loss';
  const place = ({ name }: { name: string }): number => parameters.indexOf(`${name}.weight`);
  // Gradients go from the last layer to the first, so the last one that is bad was the first to be.
  const bad = layers.filter((layer) => !Number.isFinite(layer.gradientNorm)).toSorted((a, b) => place(b) - place(a));
  if (bad.length === 0) return 'the norm of all gradients together is beyond the range of numbers';
  const others = bad.length === 1 ? '' : `, and behind it of ${bad.length - 1} more`;
  return `the gradient of ${bad[0].name}${bad[0].part === 'lora' ? ' (adapter)' : ''} is no longer a number${others}`;
}
