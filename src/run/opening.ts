import { countingDevice, type DeviceOutline, outlineOf } from '../device/counting-device.ts';
import type { Device } from '../device/device.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Network } from '../models/network.ts';
import { readingOf } from '../tasks/reading.ts';
import type { InspectTexts, ModelFiles, ModelTexts } from '../weights/model-folder.ts';
import type { ModelProgress } from '../weights/model-messages.ts';
import type { RunControl } from './control.ts';
import type { RunEvent } from './events.ts';
import type { RunHost } from './host.ts';
import { asRefusal, checkBudget } from './memory-plan.ts';
import { discarding, type KnownModel, networkOf, type OpenedNetwork, openNetwork, readTexts } from './open-network.ts';
import { baseOf, checkBase, checkFits, checkGoesOn, type SavedRound } from './outputs/saved-round.ts';
import { declaredType, planRun } from './plan-memory.ts';
import { type PlannedTask, workOfRun } from './duration.ts';
import { workOf } from './planned-work.ts';
import { SOURCE_BUCKET } from '../tasks/batches.ts';
import type { RunSettings } from './settings.ts';
import { type EncodedTask, prepareTask } from './task-data.ts';

type Progress = Extract<RunEvent, { type: 'progress' }>;

/** What a run works with, all of it known to fit together. */
export interface Opened extends OpenedNetwork {
  readonly model: ModelFiles;
  readonly tasks: EncodedTask[];
  /** The round of an earlier run to resume from. */
  readonly saved: SavedRound | undefined;
}

/** What the small files are good for: they are looked at once, however often a download is taken up again. */
interface Inspected {
  readonly known: KnownModel;
  readonly tasks: EncodedTask[];
  readonly saved: SavedRound | undefined;
}

/**
 * Opens a run's model and tasks. The model's small files come first: whether they belong together, whether the tasks can
 * be read and whether the device can hold the run is known before the weights are fetched.
 */
export class Opening {
  readonly #host: RunHost;
  readonly #settings: RunSettings;
  readonly #control: RunControl;
  readonly #device: Device;
  #inspected: Inspected | undefined;
  #saved: Promise<SavedRound | undefined> | undefined;

  constructor(host: RunHost, settings: RunSettings, control: RunControl, device: Device) {
    this.#host = host;
    this.#settings = settings;
    this.#control = control;
    this.#device = device;
  }

  /**
   * @param trains whether the run is to train, and not only to test.
   * @throws GorpError `model/…`, `text/…`, `tasks/…`, `settings/…`, `run/too-little-memory`, and what fetching the files
   *   throws; nothing stays allocated then. Stopped.
   */
  async open(trains: boolean): Promise<Opened> {
    const model = await this.#fetch(trains);
    await this.#checkpoint();
    const { known, tasks, saved } = await this.#inspect(model, trains); // hosts need not have asked for it
    if (saved) await checkBase(saved, this.#settings.model, model);
    const opened = await discarding(model, () => openNetwork(this.#device, model, this.#settings.training, known));
    const { network, storedName } = opened;
    if (this.#settings.training.frozenWeights === 'stored') {
      try {
        await this.#plan(model, tasks, (name) => model.tensors.get(storedName(name))?.dtype);
      } catch (thrown) {
        network.destroy();
        throw thrown;
      }
    }
    return { ...opened, model, tasks, saved };
  }

  /** A pause or stop breaks a download off; it goes on behind what has come. */
  async #fetch(trains: boolean): Promise<ModelFiles> {
    const inspect: InspectTexts = async (texts) => void (await this.#inspect(texts, trains));
    const name = await this.#modelToOpen();
    for (;;) {
      const signal = this.#control.interruption();
      try {
        return await this.#host.openModel(name, (at) => this.#reportWeights(at), signal, inspect);
      } catch (thrown) {
        if (!signal.aborted) throw thrown;
        await this.#checkpoint();
      }
    }
  }

  /** The model of the settings; on from a round, at the commit that the round was trained on. */
  async #modelToOpen(): Promise<string> {
    const saved = await this.#savedRound();
    const { model } = this.#settings;
    return saved?.results.settings.model === model ? baseOf(saved) : model;
  }

  #savedRound(): Promise<SavedRound | undefined> {
    return (this.#saved ??= this.#host.savedRound?.() ?? Promise.resolve(undefined));
  }

  async #inspect(texts: ModelTexts, trains: boolean): Promise<Inspected> {
    if (this.#inspected) return this.#inspected;
    const known = await discarding(texts, () => readTexts(texts, this.#settings.training));
    const saved = await this.#openRound(texts, trains);
    const tasks = await this.#prepareTasks(known);
    const [{ name, train }] = tasks;
    if (train.length > 0) {
      this.#host.emit({ type: 'reading', task: name, tokens: readingOf(known.tokenizer, train[0]) });
    }
    await this.#plan(texts, tasks, () => declaredType(texts.config));
    this.#inspected = { known, tasks, saved };
    return this.#inspected;
  }

  /** The round to resume from. Checked before the tasks are read, which may take a minute. */
  async #openRound({ config }: ModelTexts, trains: boolean): Promise<SavedRound | undefined> {
    const saved = await this.#savedRound();
    if (saved === undefined) return undefined;
    const { network } = networkOf(countingDevice(outlineOf(this.#device)), config, this.#settings.training);
    checkFits(saved, this.#settings, parametersOf(network));
    if (trains) checkGoesOn(saved, this.#settings);
    return saved;
  }

  async #prepareTasks({ tokenizer }: KnownModel): Promise<EncodedTask[]> {
    const { order } = this.#settings;
    const tasks: EncodedTask[] = [];
    for (const [i, name] of order.entries()) {
      this.#progress({ phase: 'tasks', item: name, done: i, total: order.length, unit: 'items' });
      const warn = (message: string): void => this.#host.emit({ type: 'warning', message });
      tasks.push(await prepareTask(this.#host, name, this.#settings, tokenizer, warn));
      await this.#checkpoint();
    }
    return tasks;
  }

  /** Tells what the run will take on the GPU, and refuses it where that is too much. */
  async #plan(
    { config }: ModelTexts,
    tasks: readonly EncodedTask[],
    storedAs: (name: string) => string | undefined,
  ): Promise<void> {
    const { method, training } = this.#settings;
    const device = outlineOf(this.#device);
    const work = workOf(this.#settings, tasks);
    try {
      const { memory: plan, effort } = await planRun({ config, method, training, work, storedAs, device });
      this.#host.emit({ type: 'memory-plan', plan, work: workOfRun(this.#settings, tasks.map(plannedTask), effort) });
      checkBudget(plan, allowed(this.#host.memoryBudget ?? null, device), training);
    } catch (thrown) {
      throw asRefusal(thrown, training);
    }
  }

  #reportWeights({ file, bytes, totalBytes, source, bytesPerSecond }: ModelProgress): void {
    const total = totalBytes ?? bytes;
    const rate = bytesPerSecond === null ? {} : { bytesPerSecond };
    this.#progress({ phase: 'weights', item: file, done: bytes, total, unit: 'bytes', source, ...rate });
  }

  #progress(progress: Omit<Progress, 'type' | 'round' | 'secondsLeft'>): void {
    this.#host.emit({ type: 'progress', round: 0, secondsLeft: null, ...progress });
  }

  #checkpoint(): Promise<void> {
    return this.#control.checkpoint({
      onPause: (paused) => this.#host.emit({ type: paused ? 'paused' : 'resumed' }),
      broken: this.#device.lost,
    });
  }
}

/** A task that is encoded, as far as the time of a run depends on it. */
function plannedTask({ name, train, test }: EncodedTask): PlannedTask {
  const texts = [...train, ...test];
  const tokens = texts.reduce((sum, { source }) => sum + source.length, 0) / Math.max(1, texts.length);
  return { name, train: train.length, test: test.length, promptTokens: tokens + SOURCE_BUCKET / 2 };
}

export const parametersOf = ({ shapes }: Pick<Network, 'shapes'>): number =>
  [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);

/** Bytes that a run may take: what the person allows, and what the device has. */
function allowed(budget: number | null, { limits }: DeviceOutline): number | null {
  const known = [budget, limits.total].filter((bytes) => bytes !== null);
  return known.length === 0 ? null : Math.min(...known);
}
