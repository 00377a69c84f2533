import { GorpError } from '../../base/errors.ts';
import type { DeviceFacts } from '../device.ts';
import type { Gpu } from './gpu.ts';
import { ATTENTION_VARIANTS } from './kernels/attention.ts';
import { MATMUL_VARIANTS } from './kernels/matmul-variants.ts';
import { type Measuring, quickestMatmul } from './quickest.ts';
import { quickestAttention } from './quickest-attention.ts';
import { type KernelChoices, type Measurer, readKernelChoices, type Wanted, wrongResults } from './tuning.ts';

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

/** What choices are stored under: where there are other kernels to choose from, other choices may be right. */
export function tuningKey(
  { vendor, architecture, description }: Pick<DeviceFacts, 'vendor' | 'architecture' | 'description'>,
  lanes: number | undefined,
  platform: string,
): string {
  const kernels = [`subgroups of ${lanes ?? 'many sizes'}`, ...MATMUL_VARIANTS, ...ATTENTION_VARIANTS];
  return [vendor, architecture, description, platform, ...kernels].join(' | ');
}

/**
 * Makes the device choose its kernels by measurement, since the best on one adapter is bad on another and names do not
 * tell. Takes known choices from the store. Measures the rest in the background when a program needs it, and stores the
 * result; the program meanwhile starts with a safe kernel (see {@link compile}).
 */
export async function tuneGpu(gpu: Gpu, host: TuningHost): Promise<void> {
  if (gpu.tuning.isMeasuring) return;
  const device = tuningKey(gpu.facts, gpu.tuning.lanes, host.platform);
  const known = readKernelChoices(await host.store.read(device));
  if (known !== undefined) gpu.tuning.adopt(known);
  gpu.tuning.measureWith(new BackgroundMeasurer(gpu, host, () => host.store.write(device, gpu.tuning.choices)));
}

// A program counts as compiled when nothing has been compiled for this many milliseconds.
const QUIET = 200;

/** Thrown to abandon a measurement. */
class GivenUp extends Error {}

/**
 * Measures one class after another, in the background: it starts after pending programs have compiled and run once, and
 * after each use leaves the device to others for as long.
 */
class BackgroundMeasurer implements Measurer {
  readonly #gpu: Gpu;
  readonly #host: Pick<TuningHost, 'now' | 'warn'>;
  readonly #keep: () => Promise<void>;
  readonly #measuring: Measuring;
  readonly #givenUp: Promise<never>;
  #giveUp: (reason: GivenUp) => void = () => undefined;
  /** Wrong kernels already reported. */
  readonly #told = new Set<string>();
  #hasEnded = false;
  #working: Promise<void> | undefined;
  /** Number of callers that wait for the end; then there is no pause. */
  #waiting = 0;
  #endPause: (() => void) | undefined;

  constructor(gpu: Gpu, host: Pick<TuningHost, 'now' | 'warn'>, keep: () => Promise<void>) {
    this.#gpu = gpu;
    this.#host = host;
    this.#keep = keep;
    this.#givenUp = new Promise((_, reject) => (this.#giveUp = reject));
    this.#givenUp.catch(() => undefined); // reported to the running measurement
    this.#measuring = {
      clocks: { now: host.now, timestamps: gpu.device.features.has('timestamp-query') },
      tooSlow: new Set(),
      givenUp: this.#givenUp,
      pause: (used) => this.#pause(used),
    };
  }

  wake(): void {
    if (!this.#hasEnded) this.#working ??= this.#work();
  }

  async finish(): Promise<void> {
    this.#waiting++;
    this.#endPause?.();
    try {
      while (this.#working) await this.#working;
    } finally {
      this.#waiting--;
    }
  }

  async stop(): Promise<void> {
    this.#hasEnded = true;
    this.#giveUp(new GivenUp());
    await this.#working;
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // the caller may request more kernels
    const { tuning } = this.#gpu;
    try {
      for (let { wanted } = tuning; wanted; { wanted } = tuning) {
        await this.#wait();
        try {
          await this.#measure(wanted);
        } catch (thrown) {
          if (thrown instanceof GivenUp) throw thrown;
          this.#gpu.check();
          if (thrown instanceof GorpError && thrown.code === 'device/wrong-results') this.#gpu.fail(thrown);
          tuning.giveUp(wanted); // for instance no room: the safe kernel serves
          continue;
        } finally {
          this.#tellOfWrong();
        }
        await this.#keep();
        if (tuning.wrongSafe !== undefined) this.#gpu.fail(wrongResults(tuning.wrongSafe));
      }
    } catch {
      this.#hasEnded = true; // stopped, cannot store, or the device is lost, which others report
    } finally {
      this.#working = undefined;
    }
  }

  #tellOfWrong(): void {
    for (const kernel of this.#gpu.tuning.wrong) {
      if (this.#told.has(kernel)) continue;
      this.#told.add(kernel);
      this.#host.warn?.(`The graphics driver compiles the kernel ${kernel} wrongly: it is left out.`);
    }
  }

  async #measure(wanted: Wanted): Promise<void> {
    const gpu = this.#gpu;
    if (wanted.of === 'attention') {
      gpu.tuning.chooseAttention(wanted.shapeClass, await quickestAttention(gpu, wanted, this.#measuring));
    } else gpu.tuning.choose(wanted.shapeClass, await quickestMatmul(gpu, wanted.shape, this.#measuring));
  }

  /** Until programs that are being compiled are ready and have run once. */
  async #wait(): Promise<void> {
    const { pipelines, device } = this.#gpu;
    for (let size = -1; size !== pipelines.size;) {
      ({ size } = pipelines);
      await Promise.race([pipelines.idle(), this.#givenUp]);
      await this.#pause(QUIET);
    }
    await Promise.race([this.#gpu.answers.of(device.queue.onSubmittedWorkDone()), this.#givenUp, this.#gpu.lost]);
  }

  async #pause(milliseconds: number): Promise<void> {
    if (this.#waiting > 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => {
      this.#endPause = resolve;
      timer = setTimeout(resolve, milliseconds);
    });
    try {
      await Promise.race([over, this.#givenUp]);
    } finally {
      clearTimeout(timer);
      this.#endPause = undefined;
    }
  }
}
