import { GorpError, reportOf } from '../base/errors.ts';
import { Learner } from '../gorp/learner.ts';
import type { DeviceReason } from '../base/device-choice.ts';
import type { Device } from '../device/device.ts';
import type { Packing } from '../device/packing.ts';
import { planOf } from '../methods/registry.ts';
import { frozenPacking } from './frozen-weights.ts';
import { RunControl, Stopped } from './control.ts';
import type { RunEvent } from './events.ts';
import { memoryOf, type RunHost } from './host.ts';
import { withAdvice } from './memory-plan.ts';
import { type Opened, Opening, parametersOf } from './opening.ts';
import { RunRecord } from './record.ts';
import type { DeviceReport } from './results.ts';
import { Rounds } from './rounds.ts';
import type { RunSettings } from './settings.ts';

/** One run: a model learns the tasks of an order one after another. Every end, good or bad, frees the GPU. */
export class Run {
  readonly #host: RunHost;
  readonly #settings: RunSettings;
  readonly #control: RunControl;
  readonly #record: RunRecord;
  #device: Device | undefined;

  constructor(host: RunHost, settings: RunSettings) {
    this.#host = host;
    this.#settings = settings;
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
  execute(): Promise<void> {
    return this.#toTheEnd(true);
  }

  /** Tests the model on all tasks as it is, or as a saved round left it, and trains nothing. Tells as {@link execute}. */
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

  async #work(trains: boolean): Promise<void> {
    const { device, why } = await this.#host.acquireDevice();
    this.#device = device;
    const owned: { destroy(): void }[] = [];
    try {
      this.#emitDevice(device, why);
      device.allowHalves(this.#settings.training.arithmetic === 'f16');
      const opened = await new Opening(this.#host, this.#settings, this.#control, device).open(trains);
      const { model, tokenizer, network, tasks, saved } = opened;
      owned.push(network);
      this.#record.model = { ...this.#record.model, commit: model.commit, weights: await model.contentHash() };
      const learner = await this.#createLearner(device, opened, owned);
      if (saved) await learner.restore(saved.training);
      const rounds = new Rounds(this.#host, this.#settings, this.#control, this.#record, {
        device,
        network,
        learner,
        tokenizer,
        tasks,
        model,
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

  /** Breaks the device on purpose, as a crash of the GPU process would: for tests of the failure path. */
  breakDevice(): void {
    this.#device?.breakOnPurpose();
  }

  #emitDevice({ facts }: Device, why: DeviceReason): void {
    const device: DeviceReport = { ...facts, why, features: [...facts.features], limits: { ...facts.limits } };
    this.#record.device = device;
    this.#host.emit({ type: 'device', device });
  }

  async #createLearner(
    device: Device,
    { network, targets, model, storedName }: Opened,
    owned: { destroy(): void }[],
  ): Promise<Learner> {
    let loaded = 0;
    const { seed, maxGradNorm, gradientAccumulation, frozenWeights, activations } = this.#settings.training;
    const packing = (name: string): Packing | undefined =>
      frozenPacking(frozenWeights, name, network.shapes.get(name) ?? [], model.tensors.get(storedName(name))?.dtype);
    const learner = await Learner.create(
      device,
      network,
      planOf(this.#settings.method),
      targets,
      { seed, maxGradNorm, gradientAccumulation, recompute: activations === 'recompute', packing },
      (name) => model.readTensor(storedName(name)),
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

// Milliseconds from the first call that fails on a lost device to the news of its loss, at most.
const NEWS_OF_LOSS = 1000;

/** Calls on a lost device fail with errors of the browser's own, a moment before the loss is told: the loss then. */
function causeOf(thrown: unknown, device: Device): Promise<unknown> {
  if (thrown instanceof GorpError) return Promise.resolve(thrown);
  const waited = new Promise<void>((resolve) => setTimeout(resolve, NEWS_OF_LOSS));
  return Promise.race([device.lost, waited]).then(
    () => thrown,
    (loss: unknown) => loss,
  );
}
