import type { Call } from '../device/webgpu/submitter.ts';

/** A kernel call that says how long it takes on a {@link SlowGpu}. */
export interface TimedCall extends Call {
  readonly takes: number;
}

let pipelines = 0;

/** A pipeline of such calls. */
export const newPipeline = (): GPUComputePipeline => ({ label: `${pipelines++}` }) as unknown as GPUComputePipeline;

export const timedCall = (pipeline: GPUComputePipeline, cost: number, takes: number, pieces = 1): TimedCall => {
  const bindGroup = { each: takes / pieces } as unknown as GPUBindGroup; // what is encoded tells how long it takes
  const parameters = { buffer: {} as GPUBuffer, offset: 0 };
  return { pipeline, cost, takes, bindGroup, workgroups: [1, pieces, 1], pieces, parameters };
};

/** What was submitted, in milliseconds of the device's clock. */
export interface Submitted {
  readonly begin: number;
  readonly end: number;
  readonly calls: number;
}

/**
 * A device that computes nothing and takes its time, on a clock of its own: it works on one submit after another. The clock
 * stands still while the host is at work, and goes to the next thing that happens when the host waits.
 */
export class SlowGpu {
  now = 0;
  readonly submitted: Submitted[] = [];
  /** Most milliseconds of work that waited at any time, but for the submit that is at work. */
  maxWaiting = 0;
  #free = 0;
  readonly #events: { at: number; happen: () => void }[] = [];
  readonly #delay: () => number;

  /** @param delay milliseconds from the end of some work to its answer. */
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

  /** Resolves when the clock has come so far. */
  until(at: number): Promise<undefined> {
    return new Promise((resolve) => this.#events.push({ at, happen: () => resolve(undefined) }));
  }

  /** Lets time pass until something is done. */
  async passUntil(done: Promise<unknown>): Promise<void> {
    let isDone = false;
    const noteDone = (): void => void (isDone = true);
    done.then(noteDone, noteDone);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve)); // the host does all that it can do
      if (isDone) return;
      this.#events.sort((a, b) => a.at - b.at);
      const next = this.#events.shift();
      if (next === undefined) throw new Error('nothing will happen any more');
      this.now = Math.max(this.now, next.at);
      next.happen();
    }
  }
}
