import type { Call } from '../device/webgpu/submitter.ts';

/** A kernel call with its duration on a {@link SlowGpu}. */
export interface TimedCall extends Call {
  readonly takes: number;
}

let pipelines = 0;

/** A pipeline of such calls. */
export const newPipeline = (): GPUComputePipeline => ({ label: `${pipelines++}` }) as unknown as GPUComputePipeline;

export const timedCall = (pipeline: GPUComputePipeline, cost: number, takes: number, pieces = 1): TimedCall => {
  const bindGroup = { each: takes / pieces } as unknown as GPUBindGroup; // the bind group carries the duration
  const parameters = Uint32Array.of(0, 0, 0, 1);
  return { pipeline, cost, takes, bindGroup, workgroups: [1, pieces, 1], pieces, parameters, uniform: undefined };
};

/** A submit, in milliseconds of the device's clock. */
export interface Submitted {
  readonly begin: number;
  readonly end: number;
  readonly calls: number;
}

/**
 * A device that computes nothing but takes time on its own clock, one submit after another. The clock stands still
 * while the host works, and jumps to the next event when the host waits.
 */
export class SlowGpu {
  now = 0;
  readonly submitted: Submitted[] = [];
  /** Maximum milliseconds of work that waited at any time, without the running submit. */
  maxWaiting = 0;
  #free = 0;
  readonly #events: { at: number; happen: () => void }[] = [];
  readonly #delay: () => number;

  /** @param delay milliseconds from the end of work to its answer. */
  constructor(delay = () => 0) {
    this.#delay = delay;
  }

  readonly device = {
    createCommandEncoder: () => {
      const takes: number[] = [];
      let each = 0;
      return {
        beginComputePass: () => ({
          setPipeline: () => undefined,
          setBindGroup: (_: number, group: { each: number }) => void (each = group.each),
          setImmediates: () => undefined,
          dispatchWorkgroups: (_x: number, y: number) => void takes.push(y * each),
          end: () => undefined,
        }),
        copyBufferToBuffer: () => undefined,
        finish: () => takes,
      };
    },
    queue: {
      submit: ([takes]: number[][]) => {
        if (takes === undefined) return;
        const begin = Math.max(this.now, this.#free);
        this.#free = begin + takes.reduce((sum, ms) => sum + ms, 0);
        this.submitted.push({ begin, end: this.#free, calls: takes.length });
        this.maxWaiting = Math.max(this.maxWaiting, begin - this.now);
      },
      writeBuffer: () => undefined,
      onSubmittedWorkDone: () => this.until(Math.max(this.now, this.#free) + this.#delay()),
    },
  } as unknown as GPUDevice;

  /** Resolves when the clock reaches this time. */
  until(at: number): Promise<undefined> {
    return new Promise((resolve) => this.#events.push({ at, happen: () => resolve(undefined) }));
  }

  /** Advances the clock until a promise resolves. */
  async passUntil(done: Promise<unknown>): Promise<void> {
    let isDone = false;
    const noteDone = (): void => void (isDone = true);
    done.then(noteDone, noteDone);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve)); // the host does all that it can
      if (isDone) return;
      this.#events.sort((a, b) => a.at - b.at);
      const next = this.#events.shift();
      if (next === undefined) throw new Error('no event is left to wait for');
      this.now = Math.max(this.now, next.at);
      next.happen();
    }
  }
}
