import { GorpError } from '../base/errors.ts';
import type { Learner } from '../gorp/learner.ts';
import type { OnPart } from '../gorp/spaces/input-spaces.ts';
import type { MethodPlan } from '../gorp/method-plan.ts';
import { rateCourse, rateFactor } from '../gorp/rate-schedule.ts';
import type { Device } from '../device/device.ts';
import { planOf } from '../methods/registry.ts';
import type { Network } from '../models/network.ts';
import { parametersWithoutEmbeddings } from '../models/parameters.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import type { RunState, SavedRun } from './checkpoint/saved-run.ts';
import type { Checkpointer } from './checkpoint/checkpointer.ts';
import { type Place, placeAt } from './checkpoint/place-in-data.ts';
import { type RunControl, Stopped } from './control.ts';
import { amountOf } from './amount.ts';
import { newResults, resultsAtCheckpoint, resultsAtRound, type RunFacts } from './beginning.ts';
import { costsOf, roundsOf, type RunCosts } from './duration.ts';
import { plannedTask } from './planned-work.ts';
import { TimeEstimate } from './estimate.ts';
import { memoryOf, type RunHost } from './host.ts';
import type { PlannedParts } from './opening.ts';
import { ordersFolder, roundFolder } from './outputs/layout.ts';
import type { SavedRound } from './outputs/saved-round.ts';
import type { Results } from './results.ts';
import { isTested } from './measures.ts';
import { type ProtectedExamples, protectedSample } from './protected-examples.ts';
import { RoundBatches } from './round-batches.ts';
import { RoundSaver } from './round-saver.ts';
import { testTasks, type TestOfTask } from './round-tests.ts';
import { fullSpaces, unendingWarmUp } from './round-warnings.ts';
import { type Round, scheduledRounds, testedBefore } from './schedule.ts';
import type { RunSettings } from './settings.ts';
import { type SpaceSamples, spaceSamples } from './space-samples.ts';
import { StepReports } from './step-reports.ts';
import { type EncodedTask, reportOfTask } from './encoded-task.ts';
import { Validation } from './validation.ts';
import { workLeft } from './work-left.ts';

/** What the progress of a run calls the model as it is before the first task. */
const BASE_MODEL = 'the base model';

/** What a run has opened, what is known of it, and where it resumes. */
export interface RoundsParts {
  readonly facts: Omit<RunFacts, 'tasks'>;
  /** Seconds of work of this attempt so far. */
  readonly opening: number;
  /** The results so far, as if the run were stopped now. */
  readonly soFar: () => Results;
  readonly device: Device;
  readonly network: Network;
  readonly learner: Learner;
  readonly tokenizer: Tokenizer;
  readonly tasks: readonly EncodedTask[];
  readonly protects: ProtectedExamples;
  /** Maximum number of tokens in an answer, with the end. */
  readonly answerLength: number;
  readonly planned: PlannedParts;
  readonly model: ModelFiles;
  /** Names the tasks' examples. */
  readonly data: string;
  readonly checkpointer: Checkpointer;
  /**
   * The checkpoint of the same run, or the round of an earlier one, to resume from: the learner has its state already.
   */
  readonly checkpoint: SavedRun | undefined;
  readonly saved: SavedRound | undefined;
}

/** The rounds of a run: evaluation before training, then in each round training, growth of the space and evaluation. */
export class Rounds {
  readonly #host: RunHost;
  readonly #settings: RunSettings;
  readonly #control: RunControl;
  readonly #parts: RoundsParts;
  readonly #estimate: TimeEstimate;
  readonly #reports: StepReports;
  readonly #plan: MethodPlan;
  readonly #rounds: Round[];
  /** Optimizer steps of every round. */
  readonly #steps: readonly number[];
  /** The place of the run in its data. Its seconds of training count up to {@link #learningSince}. */
  #place: Place;
  #learningSince = 0;
  /** Whether the round was ended before its last step: its checkpoint stays where it would resume. */
  #isCutShort = false;
  readonly #costs: RunCosts;
  readonly #files: RoundSaver;

  constructor(host: RunHost, settings: RunSettings, control: RunControl, parts: RoundsParts) {
    this.#host = host;
    this.#settings = settings;
    this.#control = control;
    this.#parts = parts;
    const { tasks, checkpoint, saved } = parts;
    this.#plan = planOf(settings.method);
    this.#rounds = scheduledRounds(this.#plan.schedule, settings.order.length, settings.training.testRounds);
    const from = checkpoint ?? saved?.state;
    this.#place = from ? structuredClone(from.place) : placeAt(0, 'begin');
    const planned = tasks.map(plannedTask);
    const { steps } = amountOf(settings, planned);
    this.#steps = steps;
    this.#costs = costsOf(settings, planned, parts.planned.effort);
    const run = {
      ...roundsOf(settings, tasks.length),
      costs: this.#costs,
      steps,
      validationSteps: settings.training.validationSteps,
      examples: planned.map(({ test }) => test),
    };
    const stateBytes = host.saveRound ? parts.planned.stateBytes : 0;
    this.#estimate = new TimeEstimate(workLeft(this.#place, { ...run, stateBytes }));
    const results = this.#beginning();
    parts.checkpointer.begin(this.#place, results);
    control.setSeconds(results.seconds + parts.opening);
    host.emit({ type: 'begin', results: { ...results, seconds: control.seconds }, stepsPerRound: [...steps] });
    const step = results.curves.step.at(-1) ?? 0;
    const didSteps = (round: number, count: number, seconds: number): void =>
      this.#estimate.did('train', count * this.#costs.steps[round - 1].operations, seconds);
    this.#reports = new StepReports({ ...parts, host, control, didSteps }, step);
    this.#files = new RoundSaver({
      ...{ host, control, model: parts.model, orderFolder: ordersFolder(settings.order) },
      progress: (folder, done, total, unit) => this.#progress('save', folder, done, total, unit),
      saved: (seconds) => this.#estimate.did('save', parts.planned.stateBytes, seconds),
      waitForPerson: () => this.#waitOrStop(true),
    });
  }

  /** What earlier runs did. */
  #beginning(): Results {
    const { facts, tasks, checkpoint, saved } = this.#parts;
    const known = { ...facts, tasks: tasks.map(reportOfTask) };
    if (checkpoint) return resultsAtCheckpoint(known, checkpoint);
    return saved ? resultsAtRound(known, saved) : newResults(known);
  }

  async run(): Promise<void> {
    try {
      await this.#learn();
    } catch (thrown) {
      // A NaN error here is a symptom: flush pending records to name the step that diverged.
      if (thrown instanceof GorpError && thrown.code === 'run/not-finite') await this.#settle();
      throw thrown;
    } finally {
      await this.#reports.end();
    }
  }

  /** Tests on all tasks without training: row 0 of the matrix is the model as it is. */
  async test(): Promise<void> {
    const tests = await this.#evaluate(this.#all);
    await this.#files.saveTests(tests, this.#parts.soFar());
  }

  async #learn(): Promise<void> {
    const { learner, network } = this.#parts;
    const samples = spaceSamples(this.#settings.method, network);
    this.#reports.restartClock();
    if (this.#place.phase === 'begin') {
      const { round } = this.#place;
      const { accuracy } = this.#parts.soFar();
      // Tests the tasks that a row of another run lacks: those that were not in its order.
      const own = this.#rounds.find(({ number }) => number === round)?.tests;
      const { order, training } = this.#settings;
      const first = [...(own ?? testedBefore(order.length, training.testRounds)), ...this.#watched];
      await this.#evaluate(first.filter((task) => !isTested(accuracy, round, task)));
    }
    for (const [i, round] of this.#rounds.entries()) {
      const { number } = round;
      const { round: begun, phase } = this.#place;
      if (number < begun || (number === begun && phase === 'begin')) continue;
      const batches = new RoundBatches(this.#settings, this.#parts.tasks, round, samples);
      const { name, epochs, examples } = batches;
      if (number > begun) {
        this.#control.reached('round');
        await this.#waitWhilePaused();
        if (this.#control.isEnding) throw new Stopped(); // the round before is saved
        this.#place = placeAt(number, 'learn');
        const began = this.#control.seconds;
        if (number === 1) await this.#protect(samples);
        this.#progress('compile', name, 0, 1, 'items');
        await learner.beginTask(batches.beginSample(), this.#partsOf('compile', name), batches.prompts());
        this.#estimate.did('begin', this.#costs.begins[number - 1].operations, this.#control.seconds - began);
        if (this.#control.isEnding) throw new Stopped();
      }
      if (this.#place.phase === 'learn') {
        await this.#train(batches);
        await this.#waitWhilePaused();
        this.#progress('space', name, 0, 1, 'items');
        const began = this.#control.seconds;
        const data = {
          ...{ sample: batches.spaceSample(), singles: batches.singles() },
          ...{ prompts: batches.prompts(), examples },
        };
        const growths = await learner.endTask(data, this.#partsOf('space', name));
        this.#estimate.did('end', this.#costs.ends[number - 1].operations, this.#control.seconds - began);
        this.#emitSpaces(growths);
        this.#place.phase = 'test';
      }
      const own = this.#testedAfter(round);
      const tests = await this.#evaluate([...own.tests, ...(own.testsWatched ? this.#watched : [])]);
      const saved = tests.filter(({ task }, k) => task.watched || own.tests[k] < number);
      const done = this.#steps[number - 1] === 0 ? 1 : this.#place.steps / this.#steps[number - 1];
      await this.#save(roundFolder(i + 1, name), { epochs: epochs * done, examples: examples.length }, saved);
      if (this.#isCutShort) throw new Stopped();
    }
  }

  /** Protects what the model could do before, if the method does. */
  async #protect(samples: SpaceSamples): Promise<void> {
    const { learner, protects } = this.#parts;
    const sample = protectedSample(protects, this.#settings.training, samples);
    if (sample.length === 0) return;
    this.#progress('space', BASE_MODEL, 0, 1, 'items');
    await learner.protect(sample, this.#partsOf('space', BASE_MODEL));
  }

  /** A round as it is tested: one that is cut short as the last. */
  #testedAfter(round: Round): Round {
    const { testRounds } = this.#settings.training;
    const isLast = this.#isCutShort && testRounds === 'ends';
    return (isLast ? scheduledRounds(this.#plan.schedule, round.number, testRounds).at(-1) : undefined) ?? round;
  }

  /** Saves the round as it ended. */
  async #save(folder: string, { epochs, examples }: { epochs: number; examples: number }, tests: TestOfTask[]) {
    if (!this.#host.saveRound) return;
    const { round, seconds, paddedTokens } = this.#place;
    const state = this.#state(placeAt(round, 'begin'));
    const { curves } = state.results;
    const losses = curves.loss.filter((_, i) => curves.round[i] === round);
    const parameters = parametersWithoutEmbeddings(this.#parts.network.shapes);
    const trained = { epochs, examples, losses, seconds, paddedTokens, parameters };
    await this.#files.saveRound(folder, { trained, tests }, state);
  }

  get #all(): number[] {
    return this.#parts.tasks.map((_, task) => task);
  }

  /** The tasks that are only tested. */
  get #watched(): number[] {
    return this.#all.filter((task) => this.#parts.tasks[task].watched);
  }

  async #train(batches: RoundBatches): Promise<void> {
    const { gradientAccumulation } = this.#settings.training;
    const { learner } = this.#parts;
    const { round, steps: before } = this.#place;
    const total = this.#steps[round - 1];
    const course = rateCourse(this.#settings.training, total);
    const message = before === 0 ? unendingWarmUp(batches.name, course.warmup, total) : null;
    if (message !== null) this.#host.emit({ type: 'warning', message });
    const validation = this.#validation();
    let done = 0;
    this.#learningSince = this.#control.seconds;
    try {
      for (let epoch = 0; epoch < batches.epochs; epoch++) {
        const all = batches.ofEpoch(epoch, learner.rememberedExamples);
        for (let at = 0; at < all.length; at += gradientAccumulation) {
          if (++done <= before) continue; // of a resumed run
          const micro = all.slice(at, at + gradientAccumulation);
          for (const { sizes } of micro) this.#place.paddedTokens += sizes.B * sizes.S;
          const rate = rateFactor(course, done - 1);
          await learner.step(micro, rate);
          this.#place.steps = done;
          await this.#reports.stepped(round, micro, rate);
          if (validation.isDue(done, total)) await this.#validate(validation);
          this.#progress('train', batches.name, done, total, 'steps');
          this.#control.reached('step');
          await this.#waitWhilePaused();
          if (this.#control.isEnding && done < total) return this.#cutShort(done, total);
        }
      }
    } finally {
      validation.destroy();
    }
    await this.#settle();
    this.#countLearning();
  }

  /** The held-out examples of what the round learns. */
  #validation(): Validation {
    const { device, network, learner, tasks } = this.#parts;
    const round = this.#rounds.find(({ number }) => number === this.#place.round);
    const examples = (round?.trains ?? []).flatMap((task) => tasks[task].validation);
    return new Validation(device, network, learner, examples, this.#settings.training);
  }

  async #validate(validation: Validation): Promise<void> {
    await this.#settle(); // its step is then the last one known
    const began = this.#control.seconds;
    const loss = await validation.loss();
    const { operations } = this.#costs.validations[this.#place.round - 1];
    this.#estimate.did('validate', operations, this.#control.seconds - began);
    const step = this.#parts.soFar().curves.step.at(-1) ?? 0;
    this.#host.emit({ type: 'validation', round: this.#place.round, step, loss });
    this.#reports.restartClock();
  }

  /** Ends the training of a round before its last step. It can still resume here, from a checkpoint. */
  async #cutShort(steps: number, planned: number): Promise<void> {
    if (this.#parts.checkpointer.isOn) await this.#saveCheckpoint();
    await this.#settle();
    this.#countLearning();
    this.#isCutShort = true;
    this.#host.emit({ type: 'cut-short', round: this.#place.round, steps, planned });
  }

  #settle(): Promise<void> {
    return this.#reports.settle(this.#place.round);
  }

  /** Adds the seconds since the last call to those of the round's training. */
  #countLearning(): void {
    const now = this.#control.seconds;
    this.#place.seconds += now - this.#learningSince;
    this.#learningSince = now;
  }

  async #evaluate(indexes: readonly number[]): Promise<TestOfTask[]> {
    const didExamples = (task: number, count: number, seconds: number): void =>
      this.#estimate.did('test', count * this.#costs.tests[task].operations, seconds);
    const own = { host: this.#host, settings: this.#settings, control: this.#control, didExamples };
    const tests = await testTasks({ ...this.#parts, ...own }, indexes, this.#place, async ({ name, test }, done) => {
      this.#progress('evaluate', name, done, test.length, 'examples');
      await this.#waitWhilePaused();
    });
    this.#reports.restartClock();
    return tests;
  }

  #emitSpaces(tensors: Awaited<ReturnType<Learner['endTask']>>): void {
    const { round } = this.#place;
    this.#host.emit({ type: 'space', round, tensors, stateBytes: this.#parts.learner.stateBytes });
    const isLast = round >= this.#settings.order.length;
    const message = isLast ? null : fullSpaces(this.#plan.space, tensors);
    if (message !== null) this.#host.emit({ type: 'warning', message });
  }

  /** Reports the parts of a phase, and ends it when the run is stopped. A pause waits for its end. */
  #partsOf(phase: 'compile' | 'space', item: string): OnPart {
    let last = -1;
    return (done, total) => {
      if (done !== last) this.#progress(phase, item, (last = done), total, 'items');
      return this.#control.untilStopped(Promise.resolve());
    };
  }

  #progress(
    phase: 'compile' | 'train' | 'space' | 'evaluate' | 'save',
    item: string,
    done: number,
    total: number,
    unit: 'steps' | 'examples' | 'items' | 'bytes',
  ): void {
    const { round } = this.#place;
    const [{ seconds }, { secondsLeft }] = [this.#control, this.#estimate];
    this.#host.emit({ type: 'progress', phase, round, item, done, total, unit, seconds, secondsLeft });
  }

  /** A place between two steps or two batches of a test: saves a due checkpoint, and pauses or stops on request. */
  async #waitWhilePaused(): Promise<void> {
    const { checkpointer } = this.#parts;
    if (checkpointer.isOn && !this.#isCutShort && (this.#control.isHeldUp || checkpointer.isDue))
      await this.#saveCheckpoint();
    await this.#waitOrStop();
  }

  /** Waits while the run is paused. @throws Stopped */
  async #waitOrStop(needsPerson = false): Promise<void> {
    await this.#control.waitWhilePaused({
      // Steps that the GPU has yet to finish count as time before the pause.
      settle: () => this.#settle(),
      onPause: (paused) =>
        this.#host.emit(paused ? { type: 'paused', ...(needsPerson && { needsPerson }) } : { type: 'resumed' }),
      broken: this.#parts.device.lost,
    });
  }

  async #saveCheckpoint(): Promise<void> {
    await this.#settle();
    if (this.#place.phase === 'learn') this.#countLearning();
    const { checkpointer } = this.#parts;
    await checkpointer.save(this.#state(this.#place), this.#estimate.secondsLeft);
    this.#estimate.pauses(checkpointer.share);
    this.#reports.restartClock();
    this.#learningSince = this.#control.seconds;
  }

  /** All that the rest of the run depends on, if it is at this place. */
  #state(place: Place): RunState {
    const { learner, data, device } = this.#parts;
    this.#host.emit({ type: 'memory', ...memoryOf(device) }); // building spaces and tests may have set a new peak
    return { place, results: this.#parts.soFar(), data, learner: learner.state };
  }
}
