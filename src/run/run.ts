import { GorpError, reportOf } from '../base/errors.ts';
import { Learner } from '../gorp/learner.ts';
import type { DeviceReason } from '../base/device-choice.ts';
import type { Device, DeviceFacts } from '../device/device.ts';
import type { Packing } from '../device/packing.ts';
import type { SavedState } from '../gorp/state.ts';
import { planOf } from '../methods/registry.ts';
import { frozenPacking } from './frozen-weights.ts';
import { readParameter, storedTypeOf } from './packed-blocks.ts';
import { Checkpointer } from './checkpoint/checkpointer.ts';
import type { SavedRun } from './checkpoint/saved-run.ts';
import { type Milestone, RunControl, Stopped } from './control.ts';
import { DeviceLosses } from './device-losses.ts';
import type { RunEvent } from './events.ts';
import { memoryOf, type RunHost } from './host.ts';
import { withAdvice } from './memory-plan.ts';
import { type Opened, Opening, parametersOf } from './opening.ts';
import { RunRecord } from './record.ts';
import type { DeviceReport, Results } from './results.ts';
import { Rounds } from './rounds.ts';
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
  readonly #record: RunRecord;
  readonly #checkpointer: Checkpointer;
  #device: Device | undefined;
  /** The device of the run and the reason for it, from its first device on. */
  #opened: { kind: DeviceFacts['kind']; why: DeviceReason } | undefined;

  constructor(host: RunHost, settings: RunSettings) {
    this.#host = host;
    this.#settings = settings;
    this.#control = new RunControl(() => host.now());
    this.#record = new RunRecord(settings, host.code, () => this.#control.seconds);
    this.#checkpointer = new Checkpointer(host);
  }

  pause(): void {
    this.#control.pause();
  }
  resume(): void {
    this.#control.resume();
  }
  /** Resumes, and pauses again at the milestone. */
  goOnTo(milestone: Milestone): void {
    this.#control.goOnTo(milestone);
  }
  stop(): void {
    this.#control.stop();
  }

  /** The results so far, as if the run were stopped now; null before there are any. */
  get resultsSoFar(): Results | null {
    return this.#record.isStarted ? this.#record.results('stopped', null) : null;
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
      this.#host.emit({ type: 'finished', results: this.#record.results('finished', null) });
    } catch (thrown) {
      if (thrown instanceof Stopped) {
        this.#host.emit({ type: 'stopped', results: this.#record.results('stopped', null) });
        return;
      }
      const error = reportOf(thrown);
      const results = this.#record.isStarted ? this.#record.results('failed', error) : null;
      this.#host.emit({ type: 'failed', error, results });
    }
  }

  /** Resumes from the last checkpoint when the device is lost, unless that happens too often. */
  async #work(trains: boolean): Promise<void> {
    const { checkpoints } = this.#host;
    const losses = new DeviceLosses(() => this.#host.now());
    let checkpoint = trains ? await this.#host.savedCheckpoint?.() : undefined;
    for (;;) {
      try {
        await this.#attempt(trains, checkpoint);
        return;
      } catch (thrown) {
        const isLoss = thrown instanceof GorpError && thrown.code === 'device/lost';
        if (!isLoss || !trains || checkpoints === undefined) throw thrown;
        losses.add(thrown);
        const last = await checkpoints.last();
        if (last?.results.id === this.#record.id) checkpoint = last;
        const step = checkpoint?.learner.progress.totalSteps ?? 0;
        this.#record.noteLoss(step);
        this.#host.emit({ type: 'recovering', error: reportOf(thrown), step });
      }
    }
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
    const device = await this.#acquire();
    this.#device = device;
    const owned: { destroy(): void }[] = [];
    try {
      this.#emitDevice(device);
      device.allowHalves(this.#settings.training.arithmetic === 'f16');
      const opened = await new Opening(this.#host, this.#settings, this.#control, device, checkpoint).open(trains);
      const { model, tokenizer, network, tasks, data, saved, files, date } = opened;
      owned.push(network);
      this.#record.model = {
        ...this.#record.model,
        commit: model.commit,
        weights: await model.contentHash(),
        files,
        ...(date !== undefined && { date }),
      };
      const from = (checkpoint ?? saved?.state)?.learner;
      const learner = await this.#createLearner(device, opened, from, owned);
      if (from) await learner.restore(from);
      const rounds = new Rounds(this.#host, this.#settings, this.#control, this.#record, {
        device,
        network,
        learner,
        tokenizer,
        tasks,
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
      this.#record.memory = { peakBytes: device.buffers.peakBytes, liveBuffersAtEnd: device.buffers.liveBuffers };
      this.#host.emit({ type: 'memory', ...memoryOf(device) });
      await device.destroy();
      this.#device = undefined;
    }
  }

  /** Breaks the device on purpose, as a crash of the GPU process would, for tests. */
  breakDevice(): void {
    this.#device?.breakOnPurpose();
  }

  #emitDevice({ facts }: Device): void {
    const why = this.#opened?.why ?? 'asked';
    const device: DeviceReport = { ...facts, why, features: [...facts.features], limits: { ...facts.limits } };
    this.#record.device = device;
    this.#host.emit({ type: 'device', device });
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
    this.#record.model = {
      ...this.#record.model,
      parameters: parametersOf(network),
      trainable: learner.trainableParameters,
    };
    return learner;
  }

  #progress(progress: Omit<Extract<RunEvent, { type: 'progress' }>, 'type' | 'round' | 'secondsLeft'>): void {
    this.#host.emit({ type: 'progress', round: 0, secondsLeft: null, ...progress });
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
