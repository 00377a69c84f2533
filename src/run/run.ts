import type { DeviceReason } from '../base/device-choice.ts';
import { GorpError, reportOf } from '../base/errors.ts';
import { randomId } from '../base/random.ts';
import type { Device, DeviceFacts } from '../device/device.ts';
import { Attempt } from './attempt.ts';
import { newResults, type RunFacts } from './events/beginning.ts';
import type { RunEvent } from './events/events.ts';
import { fold } from './events/fold.ts';
import { memoryOf, type RunHost } from './events/host.ts';
import type { SavedRun } from './files/saved-run.ts';
import { type Milestone, RunControl, Stopped } from './learning/control.ts';
import { Checkpointer } from './learning/saving.ts';
import { withAdvice } from './planning/memory-plan.ts';
import {
  type Break,
  type DeviceReport,
  type ModelReport,
  type Results,
  type RunLabel,
  labelOf,
  storedLabel,
} from './results/results.ts';
import type { RunSettings } from './settings/settings.ts';

/** This many losses in this many minutes end the run: resuming does not fix the cause. */
export const MAX_LOSSES = 3;
const MINUTES = 10;

/** When a loss happened, by both clocks. */
interface LossTime {
  readonly worked: number;
  readonly date: number;
}

/** The losses of a run's devices. */
export class DeviceLosses {
  readonly #now: () => LossTime;
  #times: LossTime[] = [];

  /**
   * @param worked milliseconds, not counting sleep: a machine that slept has often lost its device.
   * @param date milliseconds, counting sleep; may be set back.
   */
  constructor(worked: () => number, date = Date.now) {
    this.#now = () => ({ worked: worked(), date: date() });
  }

  /**
   * Counts a loss. Losses are as far apart as the clock says that counted more.
   *
   * @throws GorpError `device/lost` when it is one too many.
   */
  add(loss: GorpError): void {
    const now = this.#now();
    const isRecent = ({ worked, date }: LossTime): boolean =>
      Math.max(now.worked - worked, now.date - date) < MINUTES * 60_000;
    this.#times = [...this.#times.filter(isRecent), now];
    if (this.#times.length < MAX_LOSSES) return;
    throw new GorpError(
      loss.code,
      `${loss.message} This happened ${MAX_LOSSES} times within ${MINUTES} minutes.`,
      // Chromium offers no adapter for two minutes after its GPU process has crashed twice.
      'Close other programs that use the GPU, wait three minutes, and resume from the last checkpoint; or use a smaller batch, or the CPU.',
      { cause: loss },
    );
  }
}

// Milliseconds between two signs of life of a run that was stopped.
const SIGN = 1000;

// Milliseconds between attempts to open a device again, and of all of them. Chromium offers no adapter for two minutes
// after its GPU process has crashed twice.
const FIRST_WAIT = 250;
const LONGEST_WAIT = 4000;
const PATIENCE = 150_000;

/** One run: a model learns the tasks of an order one after another. Every end, good or bad, frees the GPU. */
export class Run {
  readonly #host: RunHost;
  readonly #settings: RunSettings;
  readonly #control: RunControl;
  readonly #checkpointer: Checkpointer;
  /** Unique to this run; taken from its checkpoint if it resumes. */
  #identity = { id: randomId(), startedAt: new Date().toISOString() };
  /** A person's name for the run; at first that of its checkpoint. */
  #label: RunLabel | undefined;
  readonly #breaks: Break[] = [];
  /** Folded from the events so far; null before `begin`. */
  #results: Results | null = null;
  #deviceReport: DeviceReport | undefined;
  #model: ModelReport;
  #buffersLeft = 0;
  #attempted: Attempt | undefined;
  /** The device of the run and the reason for it, from its first device on. */
  #opened: { kind: DeviceFacts['kind']; why: DeviceReason } | undefined;

  constructor(host: RunHost, settings: RunSettings) {
    const emit = (event: RunEvent): void => {
      this.#results = fold(this.#results, event);
      host.emit(event);
    };
    this.#host = { ...host, emit };
    this.#settings = settings;
    this.#control = new RunControl(() => host.now());
    this.#model = { name: settings.model, commit: null, parameters: 0, trainable: 0 };
    this.#checkpointer = new Checkpointer(this.#host);
  }

  pause(): void {
    this.#control.pause();
  }
  resume(): void {
    this.#control.resume();
  }
  /** Resumes, and pauses again at the milestone. */
  continueTo(milestone: Milestone): void {
    this.#control.continueTo(milestone);
  }
  stop(): void {
    this.#control.stop();
  }
  /** Ends the round with what it has learned until now, tests and saves it, and then stops. */
  stopAndKeep(): void {
    if (this.#results?.curves.step.length) this.#control.endRound();
    else this.#control.stop(); // nothing is learned yet
  }

  /** Names the run, also before it has begun. */
  label(label: RunLabel): void {
    this.#label = label;
    this.#host.emit({ type: 'label', label });
  }

  /** The results after the last event, as if the run were stopped then; null before there are any. */
  get results(): Results | null {
    return this.#results;
  }

  /** Saves a checkpoint as soon as possible: the page may be about to close. */
  save(): void {
    this.#checkpointer.ask();
  }

  /** Runs to the end and reports it by an event: `finished`, `stopped` or `failed`. Never throws. */
  execute(): Promise<void> {
    return this.#toTheEnd(true);
  }

  /**
   * Tests the model on all tasks as it is, or as a saved round left it, without training. Reports like {@link execute}.
   */
  evaluate(): Promise<void> {
    return this.#toTheEnd(false);
  }

  async #toTheEnd(trains: boolean): Promise<void> {
    const signs = setInterval(() => this.#control.isStopped && this.#tellStopping(), SIGN);
    try {
      await this.#work(trains);
      this.#host.emit({ type: 'finished', ...this.#ending });
    } catch (thrown) {
      if (!(thrown instanceof Stopped)) {
        this.#host.emit({ type: 'failed', error: reportOf(thrown), ...this.#ending });
        return;
      }
      if (this.#results === null && this.#deviceReport !== undefined)
        this.#host.emit({ type: 'begin', results: newResults({ ...this.#facts, tasks: [] }), stepsPerRound: [] });
      this.#host.emit({ type: 'stopped', ...this.#ending });
    } finally {
      clearInterval(signs);
    }
  }

  #tellStopping(): void {
    this.#host.emit({ type: 'stopping', secondsLeft: this.#attempted?.secondsToRest ?? null });
  }

  /** The last facts of the run if it ends now. */
  get #ending(): { seconds: number; liveBuffers: number } {
    return { seconds: this.#control.seconds, liveBuffers: this.#buffersLeft };
  }

  /** The results if a run that has begun is stopped now. */
  #soFar(): Results {
    const results = fold(this.#results, { type: 'stopped', ...this.#ending });
    if (results === null) throw new Error('no results before the run begins');
    return results;
  }

  get #facts(): Omit<RunFacts, 'tasks'> {
    const device = this.#deviceReport;
    if (device === undefined) throw new Error('no results before the device is known');
    const [settings, { code }] = [this.#settings, this.#host];
    const label = storedLabel(this.#label ?? labelOf({}));
    return { ...this.#identity, ...label, code, settings, device, model: this.#model, breaks: this.#breaks.slice() };
  }

  /** Resumes from the last checkpoint when the device is lost, unless that happens too often. */
  async #work(trains: boolean): Promise<void> {
    const { checkpoints } = this.#host;
    const losses = new DeviceLosses(() => this.#host.now());
    let checkpoint = trains ? await this.#host.savedCheckpoint?.() : undefined;
    if (checkpoint) this.#resume(checkpoint);
    for (;;) {
      try {
        await this.#attempt(trains, checkpoint);
        return;
      } catch (thrown) {
        const isLoss = thrown instanceof GorpError && thrown.code === 'device/lost';
        if (!isLoss || !trains || checkpoints === undefined) throw thrown;
        losses.add(thrown);
        const last = await checkpoints.last();
        if (last?.results.id === this.#identity.id) checkpoint = last;
        const step = checkpoint?.learner.progress.totalSteps ?? 0;
        const again = Math.max(0, (this.#results?.curves.step.at(-1) ?? 0) - step);
        this.#breaks.push({ cause: 'device-lost', step, again });
        this.#host.emit({ type: 'recovering', error: reportOf(thrown), step, breaks: this.#breaks.slice() });
      }
    }
  }

  /** Resumes the run that a checkpoint belongs to. */
  #resume({ results }: SavedRun): void {
    const { id = this.#identity.id, startedAt, breaks = [], curves } = results;
    this.#identity = { id, startedAt };
    this.#label ??= labelOf(results);
    this.#breaks.push(...breaks, { cause: 'restart', step: curves.step.at(-1) ?? 0, again: null });
  }

  /** Opens the device; after a loss one of the same kind, which may take minutes. */
  async #acquire(): Promise<Device> {
    if (this.#opened === undefined) {
      const { device, why } = await this.#request();
      this.#opened = { kind: device.facts.kind, why };
      return device;
    }
    for (let [waited, wait] = [0, FIRST_WAIT]; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      try {
        return (await this.#request(this.#opened.kind)).device;
      } catch (thrown) {
        if (waited >= PATIENCE || thrown instanceof Stopped) throw thrown;
        const { seconds } = this.#control;
        const waiting = { phase: 'device', item: 'the device', done: 0, total: 0, unit: 'items' } as const;
        this.#host.emit({ type: 'progress', round: 0, seconds, timeLeft: null, ...waiting });
        await this.#control.sleep(wait);
        waited += wait;
      }
    }
  }

  /** Requests a device; if the run is stopped before there is one, nobody waits for it. */
  #request(kind?: Device['facts']['kind']): ReturnType<RunHost['acquireDevice']> {
    const acquired = this.#host.acquireDevice(kind);
    return this.#control.untilStopped(acquired).catch((thrown: unknown) => {
      acquired.then(({ device }) => device.destroy()).catch(() => undefined);
      throw thrown;
    });
  }

  async #attempt(trains: boolean, checkpoint: SavedRun | undefined): Promise<void> {
    const device = await this.#acquire();
    const { training } = this.#settings;
    const attempt = (this.#attempted = new Attempt(device, {
      host: this.#host,
      settings: this.#settings,
      control: this.#control,
      checkpointer: this.#checkpointer,
      checkpoint,
      trains,
      knows: (facts) => (this.#model = { ...this.#model, ...facts }),
      facts: () => this.#facts,
      soFar: () => this.#soFar(),
    }));
    try {
      this.#emitDevice(device);
      device.allowHalves(training.arithmetic === 'f16');
      await attempt.execute();
    } catch (thrown) {
      throw withAdvice(await causeOf(thrown, device), training);
    } finally {
      this.#attempted = undefined;
      await device.settle();
      attempt.destroy();
      this.#buffersLeft = device.buffers.liveBuffers;
      this.#host.emit({ type: 'memory', ...memoryOf(device) });
      await device.destroy();
    }
  }

  #emitDevice({ facts }: Device): void {
    const why = this.#opened?.why ?? 'asked';
    const device: DeviceReport = { ...facts, why, features: [...facts.features], limits: { ...facts.limits } };
    this.#deviceReport = device;
    this.#host.emit({ type: 'device', device });
  }
}

// Maximum milliseconds from the first failing call on a lost device to the report of its loss.
const NEWS_OF_LOSS = 1000;

/**
 * Calls on a lost device fail with the browser's own errors a moment before the loss is reported; returns the loss
 * then.
 */
function causeOf(thrown: unknown, device: Device): Promise<unknown> {
  if (thrown instanceof GorpError) return Promise.resolve(thrown);
  const waited = new Promise<void>((resolve) => setTimeout(resolve, NEWS_OF_LOSS));
  return Promise.race([device.lost, waited]).then(
    () => thrown,
    (loss: unknown) => loss,
  );
}
