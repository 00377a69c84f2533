import { type ErrorReport, GorpError, reportOf } from '../base/errors.ts';
import { randomId } from '../base/random-id.ts';
import { Learner } from '../gorp/learner.ts';
import type { DeviceReason } from '../base/device-choice.ts';
import type { Device, DeviceFacts } from '../device/device.ts';
import type { Packing } from '../device/packing.ts';
import type { SavedState } from '../gorp/state.ts';
import { planOf } from '../methods/registry.ts';
import { frozenPacking } from './frozen-weights.ts';
import { readParameter, storedTypeOf } from './packed-blocks.ts';
import { newResults, type RunFacts } from './beginning.ts';
import { Checkpointer } from './checkpoint/checkpointer.ts';
import type { SavedRun } from './checkpoint/saved-run.ts';
import { type Milestone, RunControl, Stopped } from './control.ts';
import { DeviceLosses } from './device-losses.ts';
import type { RunEvent } from './events.ts';
import { fold } from './fold.ts';
import { memoryOf, type RunHost } from './host.ts';
import { withAdvice } from './memory-plan.ts';
import { type Opened, Opening, parametersOf } from './opening.ts';
import { checkRemembered } from './outputs/saved-round.ts';
import type { Break, DeviceReport, ModelReport, Results } from './results.ts';
import { Rounds } from './rounds.ts';
import { labelOf, type RunLabel, storedLabel } from './run-label.ts';
import type { RunSettings } from './settings.ts';

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
  /** What a person calls it; at first that of its checkpoint. */
  #label: RunLabel | undefined;
  readonly #breaks: Break[] = [];
  /** Null before `begin`. */
  #results: Results | null = null;
  #deviceReport: DeviceReport | undefined;
  #model: ModelReport;
  #buffersLeft = 0;
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

  /** The results so far, as if the run were stopped now; null before there are any. */
  get resultsSoFar(): Results | null {
    return this.#results && this.#soFar('stopped');
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
    try {
      await this.#work(trains);
      this.#host.emit({ type: 'finished', results: this.#soFar('finished') });
    } catch (thrown) {
      if (thrown instanceof Stopped) {
        this.#host.emit({ type: 'stopped', results: this.#soFar('stopped') });
        return;
      }
      const error = reportOf(thrown);
      this.#host.emit({ type: 'failed', error, results: this.#results && this.#soFar('failed', error) });
    }
  }

  /** The results if the run ends now. */
  #soFar(status: Results['status'], error: ErrorReport | null = null): Results {
    const results = this.#results ?? newResults({ ...this.#facts, tasks: [] });
    const memory = { ...results.memory, liveBuffersAtEnd: this.#buffersLeft };
    return { ...results, status, error, seconds: this.#control.seconds, memory };
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
        this.#host.emit({ type: 'recovering', error: reportOf(thrown), step, again });
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
      const { device, why } = await this.#host.acquireDevice();
      this.#opened = { kind: device.facts.kind, why };
      return device;
    }
    for (let [waited, wait] = [0, FIRST_WAIT]; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      try {
        return (await this.#host.acquireDevice(this.#opened.kind)).device;
      } catch (thrown) {
        if (waited >= PATIENCE) throw thrown;
        this.#progress({ phase: 'device', item: 'the device', done: 0, total: 0, unit: 'items' });
        await this.#control.sleep(wait);
        waited += wait;
      }
    }
  }

  async #attempt(trains: boolean, checkpoint: SavedRun | undefined): Promise<void> {
    const began = this.#control.seconds;
    const device = await this.#acquire();
    const owned: { destroy(): void }[] = [];
    try {
      this.#emitDevice(device);
      device.allowHalves(this.#settings.training.arithmetic === 'f16');
      const opened = await new Opening(this.#host, this.#settings, this.#control, device, checkpoint).open(trains);
      const { model, tokenizer, network, tasks, protects, answerLength, data, saved, files, date, planned } = opened;
      owned.push(network);
      this.#model = {
        ...this.#model,
        commit: model.commit,
        weights: await model.contentHash(),
        files,
        ...(date !== undefined && { date }),
      };
      await this.#chooseKernels(device);
      const from = (checkpoint ?? saved?.state)?.learner;
      const learner = await this.#createLearner(device, opened, from, owned);
      if (from) {
        await learner.restore(from);
        checkRemembered(learner.rememberedExamples, tokenizer.size);
      }
      const rounds = new Rounds(this.#host, this.#settings, this.#control, {
        facts: this.#facts,
        opening: this.#control.seconds - began,
        soFar: () => this.#soFar('stopped'),
        device,
        network,
        learner,
        tokenizer,
        tasks,
        protects,
        answerLength,
        planned,
        model,
        data,
        checkpointer: this.#checkpointer,
        checkpoint,
        saved: trains ? saved : undefined,
      });
      await (trains ? rounds.run() : rounds.test());
    } catch (thrown) {
      throw withAdvice(await causeOf(thrown, device), this.#settings.training);
    } finally {
      await device.settle();
      for (const part of owned.reverse()) part.destroy();
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

  /** Before the first step, so that the whole run computes with the same kernels. */
  async #chooseKernels(device: Device): Promise<void> {
    const preparing = device.prepare((done, total) =>
      this.#progress({ phase: 'kernels', item: 'kernels for this graphics card', done, total, unit: 'items' }),
    );
    await this.#control.untilStopped(preparing);
  }

  async #createLearner(
    device: Device,
    { network, targets, model, storedName }: Opened,
    from: SavedState | undefined,
    owned: { destroy(): void }[],
  ): Promise<Learner> {
    let loaded = 0;
    const restored = new Set(from?.tensors.names);
    const { seed, maxGradNorm, gradientAccumulation, frozenWeights, activations } = this.#settings.training;
    const packing = (name: string): Packing | undefined =>
      frozenPacking(frozenWeights, name, network.shapes.get(name) ?? [], storedTypeOf(model, storedName(name)));
    const learner = await Learner.create(
      device,
      network,
      planOf(this.#settings.method),
      targets,
      {
        seed,
        maxGradNorm,
        gradientAccumulation,
        tasks: this.#settings.order.length,
        recompute: activations === 'recompute',
        packing,
      },
      (name, packed) =>
        restored.has(name)
          ? Promise.resolve(null)
          : this.#control.untilStopped(readParameter(model, storedName(name), packed)),
      (name) => {
        loaded++;
        this.#progress({ phase: 'compile', item: name, done: loaded, total: network.shapes.size, unit: 'items' });
      },
    );
    owned.push(learner);
    this.#model = { ...this.#model, parameters: parametersOf(network), trainable: learner.trainableParameters };
    return learner;
  }

  #progress(
    progress: Omit<Extract<RunEvent, { type: 'progress' }>, 'type' | 'round' | 'seconds' | 'secondsLeft'>,
  ): void {
    const { seconds } = this.#control;
    this.#host.emit({ type: 'progress', round: 0, seconds, secondsLeft: null, ...progress });
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
