import type { DeviceFacts } from '../device.ts';
import type { Gpu } from './gpu.ts';
import { ATTENTION_VARIANTS } from './kernels/attention.ts';
import { MATMUL_VARIANTS } from './kernels/matmul-variants.ts';
import { type Measuring, quickestMatmul } from './quickest.ts';
import { quickestAttention } from './quickest-attention.ts';
import { GorpError } from '../../base/errors.ts';
import { type KernelChoices, readKernelChoices, type Wanted } from './tuning.ts';

/** Stores choices by device from one start to the next. */
export interface TuningStore {
  read(device: string): Promise<unknown>;
  write(device: string, choices: KernelChoices): Promise<void>;
}

/** What measuring needs from where it runs. */
export interface TuningHost {
  /** A clock in milliseconds. */
  now: () => number;
  store: TuningStore;
  /** Names browser or program and their version: another compiler may prefer another kernel. */
  platform: string;
  /** Logs what was noticed, for diagnosis. */
  warn?: (text: string) => void;
}

/** Reports how many of all classes have been measured. */
export type OnMeasured = (done: number, total: number) => void;

/** What choices are stored under: where there are other kernels to choose from, other choices may be right. */
function tuningKey(
  { vendor, architecture, description }: Pick<DeviceFacts, 'vendor' | 'architecture' | 'description'>,
  platform: string,
): string {
  return [vendor, architecture, description, platform, ...MATMUL_VARIANTS, ...ATTENTION_VARIANTS].join(' | ');
}

/**
 * Measures which of several kernels is the fastest on a device, since the best on one adapter is bad on another and
 * names do not tell. It measures before a program runs with them, so that a run uses one choice from its first step to
 * its last, and stores the choices for the next.
 */
export class Tuner {
  readonly #gpu: Gpu;
  readonly #host: TuningHost;
  readonly #key: string;
  readonly #measuring: Measuring;
  #last: Promise<void> = Promise.resolve();
  #isStopped = false;

  private constructor(gpu: Gpu, host: TuningHost, key: string) {
    this.#gpu = gpu;
    this.#host = host;
    this.#key = key;
    this.#measuring = {
      clocks: { now: host.now, timestamps: gpu.device.features.has('timestamp-query') },
      tooSlow: new Set(),
      leaveOut: (kernel) => this.#leaveOut(kernel),
    };
  }

  /** Takes known choices from the store. */
  static async open(gpu: Gpu, host: TuningHost): Promise<Tuner> {
    const key = tuningKey(gpu.facts, host.platform);
    const known = readKernelChoices(await host.store.read(key));
    if (known !== undefined) gpu.tuning.adopt(known);
    return new Tuner(gpu, host, key);
  }

  /**
   * Measures what programs asked for and no measurement has decided, on an idle device; nothing is left to measure then.
   * A class that cannot be measured, for instance because there is no room, keeps its first kernel.
   *
   * @throws GorpError `device/wrong-results` where the driver compiles every kernel of a class wrongly; `device/lost`.
   */
  measure(report: OnMeasured = () => undefined): Promise<void> {
    const measured = this.#last.then(() => this.#measureAll(report));
    this.#last = measured.catch(() => undefined); // reported to its caller
    return measured;
  }

  /** Stops measuring for good; resolves when its memory on the device is free. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#last;
  }

  async #measureAll(report: OnMeasured): Promise<void> {
    const { tuning, turns } = this.#gpu;
    const { wanted } = tuning;
    if (wanted.length === 0) return;
    await turns.idle();
    for (const [i, one] of wanted.entries()) {
      if (this.#isStopped) return;
      report(i, wanted.length);
      try {
        await this.#choose(one);
      } catch (thrown) {
        this.#gpu.check(); // on a lost device, failures have that cause
        if (thrown instanceof GorpError && thrown.code === 'device/wrong-results') throw thrown;
        tuning.giveUp(one);
      }
    }
    report(wanted.length, wanted.length);
    await this.#host.store.write(this.#key, tuning.choices);
  }

  async #choose(wanted: Wanted): Promise<void> {
    const { tuning } = this.#gpu;
    if (wanted.of === 'attention') {
      tuning.chooseAttention(wanted.shapeClass, await quickestAttention(this.#gpu, wanted, this.#measuring));
    } else tuning.choose(wanted.shapeClass, await quickestMatmul(this.#gpu, wanted.shape, this.#measuring));
  }

  #leaveOut(kernel: string): void {
    const { tuning } = this.#gpu;
    if (tuning.wrong.includes(kernel)) return;
    tuning.leaveOut(kernel);
    this.#host.warn?.(`The graphics driver compiles the kernel ${kernel} wrongly: it is left out.`);
  }
}
