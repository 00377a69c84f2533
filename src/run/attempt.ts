import { GorpError } from '../base/errors.ts';
import { nextTurn } from '../base/next-turn.ts';
import type { Device } from '../device/device.ts';
import type { Packing } from '../device/packing.ts';
import { Learner } from '../gorp/learner.ts';
import type { SavedState } from '../gorp/part/state.ts';
import { methodTitle, planOf } from '../methods/registry.ts';
import { parametersWithoutEmbeddings } from '../models/parameters.ts';
import { newResults, resultsAtCheckpoint, resultsAtRound, type RunFacts } from './events/beginning.ts';
import type { Rest, RunEvent } from './events/events.ts';
import { memoryOf, type RunHost } from './events/host.ts';
import { ordersFolder, positionAt, roundFolder } from './files/layout.ts';
import { checkRemembered } from './files/saved-round.ts';
import type { RunState, SavedRun } from './files/saved-run.ts';
import { type RunControl, Stopped } from './learning/control.ts';
import { testOnly } from './learning/measuring.ts';
import type { RunContext, TestOfTask } from './learning/run-context.ts';
import { RunTime } from './learning/run-time.ts';
import { type Checkpointer, RoundSaver } from './learning/saving.ts';
import { StepReports } from './learning/step-reports.ts';
import { frozenPacking } from './models/frozen-weights.ts';
import { readParameter, storedTypeOf } from './models/packed-blocks.ts';
import { type Opened, Opening, parametersOf } from './opening.ts';
import { plannedTask } from './planning/planned-work.ts';
import { GENERAL_TEXT_NAME, GeneralTextProbe } from './probes/general-text-probe.ts';
import type { Probe } from './probes/own-probe.ts';
import type { ModelReport, Results } from './results/results.ts';
import { type Round, scheduledRounds } from './settings/schedule.ts';
import type { RunSettings } from './settings/settings.ts';
import { reportOfTask } from './tasks/encoded-task.ts';
import { type Lesson, lessonOf } from './tasks/lessons.ts';
import type { RoundBatches } from './tasks/round-batches.ts';
import { teach } from './teach.ts';

/** The parts that an attempt needs of its run. */
interface AttemptParts {
  readonly host: RunHost;
  readonly settings: RunSettings;
  readonly control: RunControl;
  readonly checkpointer: Checkpointer;
  /** Where the run resumes; undefined if it begins, or resumes from a round that the host knows. */
  readonly checkpoint: SavedRun | undefined;
  /** Whether the run trains, and does not only test. */
  readonly trains: boolean;
  /** Told what is known of the model. */
  readonly knows: (model: Partial<ModelReport>) => void;
  readonly facts: () => Omit<RunFacts, 'tasks'>;
  /** The results so far, as if the run were stopped now. */
  readonly soFar: () => Results;
}

/**
 * One attempt of a run on one device: opens model and tasks, makes a learner, and follows {@link teach} until it ends.
 * The next attempt resumes after the loss of a device. Between two moments of teaching, it saves checkpoints that are
 * due, and pauses or stops as asked.
 */
export class Attempt {
  readonly #parts: AttemptParts;
  readonly #device: Device;
  /** The parts to free at the end, the last first. */
  readonly #owned: { destroy(): void }[] = [];
  #following: Following | undefined;

  /** @param device owned by the caller. */
  constructor(device: Device, parts: AttemptParts) {
    this.#parts = parts;
    this.#device = device;
  }

  /** @throws Stopped, GorpError `device/lost`, … */
  async execute(): Promise<void> {
    const { host, settings, control, checkpoint, trains, knows } = this.#parts;
    const began = control.seconds;
    const opened = await new Opening({ host, settings, control, device: this.#device, checkpoint }).open(trains);
    const { model, files, date, network, saved } = opened;
    this.#owned.push(network);
    knows({ commit: model.commit, weights: await model.contentHash(), files, ...(date !== undefined && { date }) });
    await this.#chooseKernels();
    const start = checkpoint ?? saved?.state;
    const learner = await this.#createLearner(opened, start?.learner);
    const text = this.#textProbe(opened, learner);
    // The base model, before a saved state replaces its weights.
    if (trains && start) await text?.measure(0, (done, total) => this.#reading(done, total));
    if (start) {
      await learner.restore(start.learner);
      checkRemembered(learner.rememberedExamples, opened.tokenizer.size);
    }
    const taught = { ...opened, learner, text };
    this.#following = new Following(this.#device, this.#parts, taught, control.seconds - began);
    await this.#following.follow();
  }

  /** Approximate seconds to the place where the run can stop and nothing is lost; null if unknown. */
  get secondsToRest(): number | null {
    return this.#following?.secondsToRest ?? null;
  }

  #textProbe({ network, general, batchTokens }: Opened, { layers }: Learner): GeneralTextProbe | null {
    return general && new GeneralTextProbe({ device: this.#device, network, layers }, general, batchTokens);
  }

  #reading(done: number, total: number): Promise<void> {
    this.#progress('evaluate', GENERAL_TEXT_NAME, done, total);
    return this.#parts.control.untilStopped(nextTurn());
  }

  destroy(): void {
    for (const part of this.#owned.splice(0).reverse()) part.destroy();
  }

  /** Before the first step, so that the whole run computes with the same kernels. */
  async #chooseKernels(): Promise<void> {
    const preparing = this.#device.prepare((done, total) =>
      this.#progress('kernels', 'kernels for this graphics card', done, total),
    );
    await this.#parts.control.untilStopped(preparing);
  }

  /** @param from the state that it will restore: weights that this holds are not read. */
  async #createLearner(
    { network, targets, model, storedName, general }: Opened,
    from: SavedState | undefined,
  ): Promise<Learner> {
    const { settings, control, knows } = this.#parts;
    let loaded = 0;
    // General text is measured by the base model too, which has weights of its own.
    const restored = new Set(general === null ? from?.tensors.names : []);
    const { seed, maxGradNorm, gradientAccumulation, frozenWeights, activations, loadBest } = settings.training;
    const packing = (name: string): Packing | undefined =>
      frozenPacking(frozenWeights, name, network.shapes.get(name) ?? [], storedTypeOf(model, storedName(name)));
    const learner = await Learner.create(
      this.#device,
      network,
      planOf(settings.method),
      targets,
      {
        seed,
        maxGradNorm,
        gradientAccumulation,
        keepsWeights: loadBest === 'best',
        tasks: settings.order.length,
        recompute: activations === 'recompute',
        packing,
      },
      (name, packed) =>
        restored.has(name)
          ? Promise.resolve(null)
          : control.untilStopped(readParameter(model, storedName(name), packed)),
      (name) => this.#progress('compile', name, ++loaded, network.shapes.size),
    );
    this.#owned.push(learner);
    knows({ parameters: parametersOf(network), trainable: learner.trainableParameters });
    return learner;
  }

  #progress(phase: 'kernels' | 'compile' | 'evaluate', item: string, done: number, total: number): void {
    const { host, control } = this.#parts;
    const { seconds } = control;
    host.emit({ type: 'progress', phase, round: 0, item, done, total, unit: 'items', seconds, timeLeft: null });
  }
}

/** Results that name all probes of plugins, so that logs have a column for each from the beginning. */
function withProbes(results: Results, probes: readonly Probe[]): Results {
  const known = results.probes?.own ?? [];
  const added = probes.filter(({ name }) => known.every((one) => one.name !== name));
  if (added.length === 0) return results;
  const own = [...known, ...added.map(({ name, title }) => ({ name, title, rounds: [] }))];
  return { ...results, probes: { ...results.probes, own } };
}

/** A learner, and what measures it by general text. */
type Taught = Pick<RunContext, 'learner' | 'text'>;

/** Follows {@link teach}: emits what it yields, and saves, pauses and stops where it can rest. */
class Following {
  readonly #parts: AttemptParts;
  readonly #device: Device;
  readonly #opened: Opened & Taught;
  readonly #context: RunContext;
  readonly #files: RoundSaver;
  /** The lessons of the model so far. */
  readonly #taught: Lesson[];
  /** Whether the task was ended before its last step: its checkpoint stays where it would resume. */
  #isCutShort = false;
  /** Whether the learner is between the steps of two tasks. */
  #isEnding = false;

  /** @param opening seconds of work of this attempt so far. */
  constructor(device: Device, parts: AttemptParts, opened: Opened & Taught, opening: number) {
    this.#device = device;
    this.#parts = parts;
    this.#opened = opened;
    this.#taught = [...opened.lessons];
    const { host, settings, control, checkpointer, soFar } = parts;
    const { network, tasks, planned, model, learner } = opened;
    const { method, order, training } = settings;
    const start = parts.checkpoint ?? (parts.trains ? opened.saved?.state : undefined);
    const at = start ? structuredClone(start.place) : positionAt(0, 'begin');
    const results = withProbes(this.#beginning(), host.probes ?? []);
    const time = new RunTime(control, settings, tasks.map(plannedTask), {
      at,
      learned: results.curves.round,
      effort: planned.effort,
      packed: planned.steps,
      stateBytes: host.saveRound ? planned.stateBytes : 0,
    });
    checkpointer.begin(at, results);
    control.setSeconds(results.seconds + opening);
    host.emit({ type: 'begin', results: { ...results, seconds: control.seconds }, stepsPerRound: [...time.steps] });
    const reports = new StepReports({ device, network, learner, host, time }, results.curves.step.at(-1) ?? 0);
    const { schedule } = planOf(method);
    this.#context = {
      ...opened,
      settings,
      device,
      at,
      time,
      reports,
      soFar,
      probes: host.probes ?? [],
      now: () => host.now(),
      rounds: scheduledRounds(schedule, order.length, training.testRounds),
      isEnough: () => control.isEnding,
      asLast: (round) =>
        training.testRounds === 'ends' ? (scheduledRounds(schedule, round.number, 'ends').at(-1) ?? round) : round,
      save: (...round) => this.#saveRound(...round),
    };
    this.#files = new RoundSaver({
      host,
      control,
      model,
      orderFolder: ordersFolder(order),
      progress: (folder, ...done) => host.emit(time.progress(at.round, 'save', folder, done)),
      saved: (seconds) => time.did('save', at.round, planned.stateBytes, seconds),
      waitForPerson: () => this.#waitWhilePaused(true),
    });
  }

  /** Returns the results of earlier runs, or empty ones. */
  #beginning(): Results {
    const { facts, checkpoint, trains } = this.#parts;
    const { tasks, saved } = this.#opened;
    const known = { ...facts(), tasks: tasks.map(reportOfTask) };
    if (checkpoint) return resultsAtCheckpoint(known, checkpoint);
    return saved && trains ? resultsAtRound(known, saved) : newResults(known);
  }

  async follow(): Promise<void> {
    const { reports, at } = this.#context;
    reports.restartClock();
    try {
      await (this.#parts.trains ? this.#learn() : this.#test());
    } catch (thrown) {
      // A NaN error here is a symptom: flush pending records to name the step that diverged.
      if (thrown instanceof GorpError && thrown.code === 'run/not-finite') await reports.settle(at.round);
      throw thrown;
    } finally {
      await reports.end();
    }
  }

  /** Known while the learner takes steps. */
  get secondsToRest(): number | null {
    const { reports, at } = this.#context;
    const { secondsLeft } = reports;
    if (at.phase !== 'learn' || this.#isEnding || secondsLeft === null) return null;
    return secondsLeft + this.#parts.checkpointer.seconds;
  }

  async #learn(): Promise<void> {
    for await (const moment of teach(this.#context)) await this.#heed(moment);
    if (this.#isCutShort) throw new Stopped();
  }

  async #test(): Promise<void> {
    const testing = testOnly(this.#context);
    try {
      for (let next = await testing.next(); ; next = await testing.next()) {
        if (next.done) return await this.#files.saveTests(next.value, this.#parts.soFar());
        await this.#heed(next.value);
      }
    } finally {
      await testing.return([]);
    }
  }

  /** Emits an event, or rests: saves a due checkpoint, and pauses or stops on request. @throws Stopped */
  async #heed(moment: RunEvent | Rest): Promise<void> {
    const { host, control, checkpointer } = this.#parts;
    const { at } = this.#context;
    if (moment.type !== 'rest') {
      if (moment.type === 'cut-short') this.#isCutShort = true;
      host.emit(moment);
      // Work that takes long can be stopped between its parts if the last checkpoint holds what was learned before it.
      const isPart = moment.type === 'progress' && ['compile', 'space', 'answers'].includes(moment.phase);
      this.#isEnding = isPart;
      return isPart && !this.#wouldLoseSteps ? control.untilStopped(Promise.resolve()) : undefined;
    }
    if (moment.after !== null) control.reached(moment.after);
    if (control.isHeldUp || checkpointer.isDue) await this.#saveCheckpoint();
    await this.#waitWhilePaused();
    if (!control.isEnding || this.#isCutShort) return;
    // Before the first step of a task, what was learned is saved already. Within it, it can still resume from here.
    if (moment.after === 'round' || (at.phase === 'learn' && at.steps === 0)) throw new Stopped();
    if (moment.after === 'step') await this.#saveCheckpoint();
  }

  /** Whether steps would be lost if the run ended here, between two places where it rests. */
  get #wouldLoseSteps(): boolean {
    const { checkpointer, soFar } = this.#parts;
    const { at } = this.#context;
    const learned = at.phase === 'learn' && at.steps > 0;
    return learned && checkpointer.isOn && !this.#isCutShort && !checkpointer.has(at, soFar());
  }

  /** Waits while the run is paused. @throws Stopped */
  #waitWhilePaused(needsPerson = false): Promise<void> {
    const { host, control } = this.#parts;
    const { reports, at } = this.#context;
    return control.waitWhilePaused({
      // Steps that the GPU has yet to finish count as time before the pause.
      settle: () => reports.settle(at.round),
      onPause: (paused) =>
        host.emit(paused ? { type: 'paused', ...(needsPerson && { needsPerson }) } : { type: 'resumed' }),
      broken: this.#device.lost,
    });
  }

  async #saveCheckpoint(): Promise<void> {
    const { checkpointer } = this.#parts;
    const { at, time, reports } = this.#context;
    if (!checkpointer.isOn || this.#isCutShort) return;
    await reports.settle(at.round);
    if (at.phase === 'learn') time.countLearning(at);
    await checkpointer.save(this.#state(at), time.timeLeft);
    time.pauses(checkpointer.share);
    reports.restartClock();
    time.startLearning();
  }

  /** Saves the round as it ended, with the tests of the tasks learned so far and of those watched. */
  async #saveRound({ number, trains }: Round, batches: RoundBatches, tests: readonly TestOfTask[]): Promise<void> {
    const { rounds, tasks, network, at, time } = this.#context;
    const { host, settings } = this.#parts;
    const [taughtAt, method] = [new Date().toISOString(), methodTitle(settings.method)];
    for (const task of trains) this.#taught[task] = lessonOf(tasks[task], taughtAt, method, host.keepsTests);
    if (!host.saveRound) return;
    const { name, epochs, examples } = batches;
    const { seconds, paddedTokens, steps } = at;
    const state = this.#state(positionAt(number, 'begin'));
    const { curves } = state.results;
    const total = time.steps[number - 1];
    const trained = {
      epochs: total === 0 ? epochs : (epochs * steps) / total,
      examples: examples.length,
      losses: curves.loss.filter((_, i) => curves.round[i] === number),
      seconds,
      paddedTokens,
      parameters: parametersWithoutEmbeddings(network.shapes),
    };
    const own = tests.filter(({ task }) => task.watched || tasks.indexOf(task) < number);
    const folder = roundFolder(rounds.findIndex((round) => round.number === number) + 1, name);
    await this.#files.saveRound(folder, { trained, tests: own }, state);
  }

  /** All that the rest of the run depends on, if it is at this place. */
  #state(place: RunState['place']): RunState {
    const { host, soFar } = this.#parts;
    host.emit({ type: 'memory', ...memoryOf(this.#device) }); // building spaces and tests may have set a new peak
    const { data, taughtBefore } = this.#opened;
    const taught = { lessons: [...this.#taught], taughtBefore };
    return { place, results: soFar(), data, learner: this.#context.learner.state, ...taught };
  }
}
