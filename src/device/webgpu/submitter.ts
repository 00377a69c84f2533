import type { Workgroups } from '../kernel.ts';
import type { Answers } from './gpu.ts';
import { Pace, type Paced, type Place, SLICE, type Slice } from './pace.ts';

/** A kernel call that is ready to be encoded. */
export interface Call extends Paced {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Workgroups;
  /** Its kernel's `Params`. They begin with `origin` of `shaders/grid.wgsl`: 0 except for pieces. */
  readonly parameters: Uint32Array<ArrayBuffer>;
  /** Where its kernel reads them, in bytes; undefined if they are immediates. */
  readonly uniform: { readonly buffer: GPUBuffer; readonly offset: number } | undefined;
}

/** A copy between buffers of the device. */
interface MemoryCopy {
  readonly from: GPUBuffer;
  readonly fromOffset: number;
  readonly to: GPUBuffer;
  readonly toOffset: number;
  readonly bytes: number;
}

/** Settings for the pace of work. */
export interface PaceOptions {
  /** A clock in milliseconds. */
  readonly now: () => number;
  /** Share of the time that the device may be busy, above 0 and at most 1. */
  readonly share: number;
  /** Cuts work into slices; by default, by measured time. */
  readonly pace?: Pick<Pace, 'cut' | 'note'>;
}

// Milliseconds of work queued on the device: enough that it never waits for the host, and the longest that others wait.
const QUEUED_MS = 2 * SLICE;
// The delay of answers is the median over PROBES empty submits, at most LATEST milliseconds: anything longer comes from
// a busy host.
const PROBES = 5;
const LATEST = 200;
// Milliseconds after which the oldest probe is replaced, once the device is idle.
const PROBE_AGE = 1000;
// A slice counts as at least this share of the time until its answer. The delay is known only roughly, and work that
// seemed to take no time would be submitted all at once.
const LEAST_SHARE = 1 / 8;

// The maximum milliseconds that a slice counts as: a driver resets a device that takes longer, so the machine slept.
const LONGEST = 10_000;

interface InFlight {
  readonly expected: number;
  readonly done: Promise<void>;
}

/**
 * Submits work in short slices, cut by measured time, and only as many at once as keep the device busy. A long submit
 * freezes the desktop, and drivers reset a device that spends too long on one (two seconds on Windows). Cutting changes
 * no value.
 */
export class Submitter {
  readonly #device: Pick<GPUDevice, 'createCommandEncoder' | 'queue'>;
  readonly #answers: Pick<Answers, 'of'>;
  readonly #lost: Promise<never>;
  readonly #options: PaceOptions;
  readonly #pace: Pick<Pace, 'cut' | 'note'>;
  readonly #inFlight: InFlight[] = [];
  /** How late the answers to the last empty submits came, in milliseconds, and when the last one came. */
  readonly #probes: number[] = [];
  #probedAt = -Infinity;
  /** Milliseconds from the end of work to its answer. */
  #delay = 0;
  /** When the device finished the latest work known to be done, and when that was learned. */
  #lastDone = -Infinity;
  #lastHeard = -Infinity;
  /** When the device's pause between slices ends. */
  #restedAt = -Infinity;

  /** @param lost rejects when the device is lost. */
  constructor(
    device: Pick<GPUDevice, 'createCommandEncoder' | 'queue'>,
    answers: Pick<Answers, 'of'>,
    lost: Promise<never>,
    options: PaceOptions,
  ) {
    this.#device = device;
    this.#answers = answers;
    this.#lost = lost;
    this.#options = options;
    this.#pace = options.pace ?? new Pace();
  }

  /**
   * Submits calls, then copies.
   *
   * @returns resolves when everything is submitted. Waits while the device has enough to do.
   * @throws the reason of the device's loss.
   */
  async submit(calls: readonly Call[], copies: readonly MemoryCopy[]): Promise<void> {
    while (this.#isProbeDue) await this.#probe();
    for (let place: Place = { call: 0, piece: 0 }; ;) {
      let slice = this.#pace.cut(calls, place);
      while (!this.#hasRoom(slice)) {
        await this.#change();
        slice = this.#pace.cut(calls, place); // more may have been timed meanwhile
      }
      place = slice.next;
      const isLast = place.call === calls.length;
      this.#send(slice, isLast ? copies : []);
      if (isLast) return;
    }
  }

  /**
   * Measures the delay of answers, which affects all work. Engines poll for completion by a timer, so a single answer
   * may come at once by chance.
   */
  async #probe(): Promise<void> {
    const { queue } = this.#device;
    const begin = this.#options.now();
    queue.submit([]);
    await Promise.race([this.#answers.of(queue.onSubmittedWorkDone()), this.#lost]);
    this.#probedAt = this.#options.now();
    this.#probes.push(this.#probedAt - begin);
    if (this.#probes.length > PROBES) this.#probes.shift();
    const sorted = this.#probes.toSorted((a, b) => a - b);
    this.#delay = Math.min(LATEST, sorted[sorted.length >> 1]);
  }

  get #isProbeDue(): boolean {
    if (this.#probes.length < PROBES) return true;
    return this.#inFlight.length === 0 && this.#options.now() - this.#probedAt > PROBE_AGE;
  }

  /**
   * Whether a slice may be submitted at once. A call timed for the first time waits until the device is idle, so that
   * its time is never reported too short and guesses from it are safe.
   */
  #hasRoom({ expected, isGuess }: Slice): boolean {
    const { now, share } = this.#options;
    if (this.#inFlight.length === 0) return share === 1 || now() >= this.#restedAt;
    // Some of the work in flight may be done already, with its answer on the way.
    const max = QUEUED_MS + this.#delay;
    return share === 1 && !isGuess && this.#inFlight.reduce((sum, slice) => sum + slice.expected, expected) <= max;
  }

  /** Resolves when there may be room. */
  async #change(): Promise<void> {
    const [first] = this.#inFlight;
    const rest = this.#restedAt - this.#options.now();
    await Promise.race([first?.done ?? new Promise((resolve) => setTimeout(resolve, rest)), this.#lost]);
  }

  #send(slice: Slice<Call>, copies: readonly MemoryCopy[]): void {
    const { queue } = this.#device;
    const { calls, pieces, expected } = slice;
    const part = pieces && partOf(calls[0], pieces);
    const encoder = this.#device.createCommandEncoder();
    if (calls.length > 0) {
      const pass = encoder.beginComputePass();
      encodeCalls(pass, part ? [part] : calls);
      pass.end();
    }
    for (const { from, fromOffset, to, toOffset, bytes } of copies) {
      encoder.copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
    }
    const begin = this.#options.now();
    const write = ({ uniform, parameters }: Call): void => {
      if (uniform) queue.writeBuffer(uniform.buffer, uniform.offset, parameters);
    };
    if (part) write(part);
    queue.submit([encoder.finish()]);
    if (part) write(calls[0]); // after the submit, so that this work still reads those of the part
    const done = this.#answers.of(queue.onSubmittedWorkDone()).then(
      () => this.#heard(inFlight, slice, begin),
      () => this.#forget(inFlight), // the device is lost, which others report
    );
    const inFlight: InFlight = { expected, done };
    this.#inFlight.push(inFlight);
  }

  #heard(inFlight: InFlight, slice: Slice, begin: number): void {
    const { now, share } = this.#options;
    const heard = now();
    const mayBeShort = begin < this.#lastDone; // it waited for earlier work, whose end may have been reported late
    const done = heard - this.#delay;
    const least = LEAST_SHARE * (heard - Math.max(begin, this.#lastHeard));
    const taken = Math.min(LONGEST, Math.max(least, done - Math.max(begin, this.#lastDone)));
    this.#lastDone = done;
    this.#lastHeard = heard;
    this.#restedAt = done + taken * (1 / share - 1);
    this.#forget(inFlight);
    this.#pace.note(slice, taken, mayBeShort);
  }

  #forget(inFlight: InFlight): void {
    const place = this.#inFlight.indexOf(inFlight);
    if (place >= 0) this.#inFlight.splice(place, 1);
  }
}

/** A call of some of its workgroups: pieces along the longest side of the grid. */
function partOf(call: Call, { from, to }: { readonly from: number; readonly to: number }): Call {
  const side = call.workgroups.indexOf(Math.max(...call.workgroups));
  const workgroups = call.workgroups.with(side, to - from) as [number, number, number];
  return { ...call, workgroups, parameters: call.parameters.with(side, from) };
}

/** Encodes calls into an open compute pass. */
export function encodeCalls(pass: GPUComputePassEncoder, calls: readonly Call[]): void {
  let current: GPUComputePipeline | undefined;
  for (const { pipeline, bindGroup, workgroups, parameters, uniform } of calls) {
    if (pipeline !== current) pass.setPipeline((current = pipeline));
    pass.setBindGroup(0, bindGroup);
    if (uniform === undefined) pass.setImmediates(0, parameters);
    pass.dispatchWorkgroups(...workgroups);
  }
}
