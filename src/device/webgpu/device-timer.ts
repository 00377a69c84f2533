import type { OwnedBuffer } from '../buffers.ts';
import { BUFFER_USAGE, type Gpu } from './gpu.ts';
import { type GpuProgram, submitWhole } from './program.ts';
import { AT_ONCE, readBytes } from './readback.ts';

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
// A device's clock that reports less than it can measure, although LONG milliseconds passed on the host, is not used.
const LONG = 50;

/** A program, and how often it runs to be timed. */
interface Timed {
  readonly program: GpuProgram;
  readonly repeats: number;
}

/** Times programs on an idle device: by timestamps around a pass if it has them, otherwise by the host's clock. */
export class DeviceTimer {
  readonly #gpu: Gpu;
  readonly #clocks: Clocks;
  readonly #set: GPUQuerySet | undefined;
  readonly #ticks: OwnedBuffer | undefined;

  /** @param max maximum number of programs timed at once. */
  constructor(gpu: Gpu, clocks: Clocks, max: number) {
    this.#gpu = gpu;
    this.#clocks = clocks;
    if (!clocks.timestamps) return;
    this.#set = gpu.device.createQuerySet({ type: 'timestamp', count: 2 * max });
    this.#ticks = gpu.buffers.create('timestamps', 16 * max, BUFFER_USAGE.QUERY_RESOLVE | BUFFER_USAGE.COPY_SRC);
  }

  /** How often a program must be repeated to be timed well. Also finds out whether the device's clock can be used. */
  async repeatsFor(program: GpuProgram): Promise<number> {
    for (let repeats = 1; ;) {
      const begin = this.#clocks.now();
      const [one] = await this.times([{ program, repeats }]);
      const needed = this.repeatsAfter(repeats, one * repeats);
      const passed = this.#clocks.now() - begin;
      const isSound = needed > repeats ? passed <= LONG : one > 0;
      if (this.#clocks.timestamps && !isSound) {
        this.#clocks.timestamps = false;
        repeats = 1;
      } else if (needed > repeats) repeats = needed;
      else return repeats;
    }
  }

  /** How often a program must be repeated that took so many milliseconds with `repeats`. */
  repeatsAfter(repeats: number, spent: number): number {
    const shortest = this.#clocks.timestamps ? SHORTEST.device : SHORTEST.host;
    if (spent >= shortest) return repeats;
    const factor = Math.min(8, Math.max(2, Math.ceil((1.5 * shortest) / Math.max(spent, shortest / 8))));
    return Math.min(MAX_REPEATS, repeats * factor);
  }

  /** Milliseconds of one execution of each program, in their order. */
  async times(work: readonly Timed[]): Promise<number[]> {
    const spans = this.#clocks.timestamps ? await this.#deviceSpans(work) : undefined;
    if (spans) return spans.map((span, i) => span / work[i].repeats);
    this.#clocks.timestamps = false;
    const times: number[] = [];
    for (const { program, repeats } of work) times.push((await this.#hostSpan(program, repeats)) / repeats);
    return times;
  }

  /** Milliseconds of a program by the host's clock, including a driver's compilation at first use. */
  async #hostSpan(program: GpuProgram, repeats: number): Promise<number> {
    await this.#whenDone();
    const begin = this.#clocks.now();
    submitWhole(this.#gpu, new Array<GpuProgram>(repeats).fill(program));
    await this.#whenDone();
    return this.#clocks.now() - begin;
  }

  /** Resolves when the device has finished everything submitted so far. */
  async #whenDone(): Promise<void> {
    await Promise.race([this.#gpu.answers.of(this.#gpu.device.queue.onSubmittedWorkDone()), this.#gpu.lost]);
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

/**
 * Times every submit from now on: from its submission, or from the end of the previous one if later, to its own end.
 *
 * @returns a function that stops timing and resolves with the milliseconds of each submit when all are done.
 */
export function timeSubmits(queue: GPUQueue): () => Promise<number[]> {
  const spans: Promise<{ begin: number; end: number }>[] = [];
  const submit = queue.submit.bind(queue);
  queue.submit = (commands) => {
    const isWork = [...commands].length > 0;
    const begin = performance.now();
    submit(commands);
    if (isWork) spans.push(queue.onSubmittedWorkDone().then(() => ({ begin, end: performance.now() })));
  };
  return async () => {
    Reflect.deleteProperty(queue, 'submit');
    let before = 0;
    return (await Promise.all(spans)).map(({ begin, end }) => {
      const taken = end - Math.max(before, begin);
      before = end;
      return taken;
    });
  };
}
