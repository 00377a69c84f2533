import type { OwnedBuffer } from '../buffers.ts';
import type { Gpu } from './gpu.ts';
import { type GpuProgram, submitWhole } from './program.ts';
import { AT_ONCE, readBytes } from './readback.ts';
import { BUFFER_USAGE } from './usage.ts';

/** The clocks that time a device: its own, while it can be trusted, and the host's. */
export interface Clocks {
  /** A clock in milliseconds. */
  readonly now: () => number;
  /** Whether to use the device's own clock: false if it is missing or has returned nonsense. */
  timestamps: boolean;
}

// The shortest times that can be measured well, in milliseconds: browsers round a device's clock to 0.1 ms, and the
// host learns of completion by a message.
const SHORTEST = { device: 3, host: 30 };
const MAX_REPEATS = 1024;
// If a device's clock reports less than that although LONG milliseconds passed on the host, it is read again; after
// DOUBTS such readings it is no longer used.
const LONG = 50;
const DOUBTS = 3;

/** A program, and how often it runs to be timed. */
export interface Timed {
  readonly program: GpuProgram;
  readonly repeats: number;
}

/**
 * Times programs on a device that others use too: by timestamps around a pass if the device has them, otherwise from
 * the end of earlier submits to the end of the program.
 */
export class DeviceTimer {
  readonly #gpu: Gpu;
  readonly #clocks: Clocks;
  readonly #givenUp: Promise<never>;
  readonly #set: GPUQuerySet | undefined;
  readonly #ticks: OwnedBuffer | undefined;

  /**
   * @param max maximum number of programs timed at once.
   * @param givenUp rejects when timing is no longer needed.
   */
  constructor(gpu: Gpu, clocks: Clocks, max: number, givenUp: Promise<never>) {
    this.#gpu = gpu;
    this.#clocks = clocks;
    this.#givenUp = givenUp;
    if (!clocks.timestamps) return;
    this.#set = gpu.device.createQuerySet({ type: 'timestamp', count: 2 * max });
    this.#ticks = gpu.buffers.create('timestamps', 16 * max, BUFFER_USAGE.QUERY_RESOLVE | BUFFER_USAGE.COPY_SRC);
  }

  /** How often a program must be repeated to be timed well. Also finds out whether the device's clock can be used. */
  async repeatsFor(program: GpuProgram): Promise<number> {
    let repeats = 1;
    for (let doubts = 0; ;) {
      let spent = await this.#spent(program, repeats);
      if (spent >= this.#shortest) spent = await this.#spent(program, repeats); // other work may have lengthened it
      const needed = this.repeatsAfter(repeats, spent);
      const standsStill = this.#clocks.timestamps && needed === repeats && spent === 0;
      if (needed === repeats && !standsStill) return repeats;
      if (this.#clocks.timestamps && (standsStill || (await this.hostSpan(program, repeats)) > LONG)) {
        if (standsStill || ++doubts === DOUBTS) this.#clocks.timestamps = false;
        continue;
      }
      repeats = needed;
    }
  }

  /** How often a program must be repeated that took so many milliseconds with `repeats`. */
  repeatsAfter(repeats: number, spent: number): number {
    const shortest = this.#shortest;
    if (spent >= shortest) return repeats;
    const factor = Math.min(8, Math.max(2, Math.ceil((1.5 * shortest) / Math.max(spent, shortest / 8))));
    return Math.min(MAX_REPEATS, repeats * factor);
  }

  get #shortest(): number {
    return this.#clocks.timestamps ? SHORTEST.device : SHORTEST.host;
  }

  async #spent(program: GpuProgram, repeats: number): Promise<number> {
    const [one] = await this.times([{ program, repeats }]);
    return one * repeats;
  }

  /** Milliseconds of one execution of each program, in their order. */
  async times(work: readonly Timed[]): Promise<number[]> {
    const spans = this.#clocks.timestamps ? await this.#deviceSpans(work) : undefined;
    if (spans) return spans.map((span, i) => span / work[i].repeats);
    this.#clocks.timestamps = false;
    const times: number[] = [];
    for (const { program, repeats } of work) times.push((await this.hostSpan(program, repeats)) / repeats);
    return times;
  }

  /**
   * Milliseconds of a program by the host's clock, including a driver's compilation at first use.
   *
   * Counts from the end of earlier submits. A busy host learns of that end late, at worst together with the program's
   * own end, and Deno always reports both at once. If both seem to end together, the program runs again with nothing
   * before it; if they still do, the time counts from its submission.
   */
  async hostSpan(program: GpuProgram, repeats = 1): Promise<number> {
    const work = new Array<GpuProgram>(repeats).fill(program);
    for (let isAlone = false; ; isAlone = true) {
      if (isAlone) await this.#whenDone();
      const asked = this.#clocks.now();
      const before = this.#whenDone();
      submitWhole(this.#gpu, work);
      const [begin, end] = await Promise.all([before, this.#whenDone()]);
      if (2 * (end - begin) >= end - asked) return end - begin;
      if (isAlone) return end - asked;
    }
  }

  /** The host's time when the device has finished everything submitted so far. */
  #whenDone(): Promise<number> {
    const done = this.#gpu.answers.of(this.#gpu.device.queue.onSubmittedWorkDone()).then(() => this.#clocks.now());
    return Promise.race([done, this.#gpu.lost, this.#givenUp]);
  }

  /** Milliseconds by the device's clock; undefined if it returns nonsense. */
  async #deviceSpans(work: readonly Timed[]): Promise<number[] | undefined> {
    const [set, ticks] = [this.#set, this.#ticks];
    if (set === undefined || ticks === undefined) return undefined;
    const { device, buffers } = this.#gpu;
    // One submit each: all together would take too long for one.
    for (const [i, { program, repeats }] of work.entries()) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet: set, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      });
      for (let n = 0; n < repeats; n++) program.encode(pass);
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(set, 0, 2 * work.length, buffers.memoryOf(ticks), 0);
    device.queue.submit([encoder.finish()]);
    const range = { buffer: ticks, offset: 0, bytes: 16 * work.length };
    const nanoseconds = new BigUint64Array(await readBytes(this.#gpu, range, AT_ONCE));
    const spans = work.map((_, i) => Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i]) / 1e6);
    const isSound = nanoseconds.every((tick, i) => tick > 0n && (i === 0 || tick >= nanoseconds[i - 1]));
    return isSound ? spans : undefined;
  }

  destroy(): void {
    this.#set?.destroy();
    this.#ticks?.destroy();
  }
}
