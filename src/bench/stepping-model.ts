import type { Batch } from '../base/batch.ts';
import type { Device } from '../device/device.ts';
import { Learner, type LearnerOptions } from '../gorp/learner.ts';
import { type MethodSettings, planOf, withValues } from '../methods/registry.ts';
import type { Layers } from '../models/layers.ts';
import type { Network } from '../models/network.ts';
import type { ReadParameter } from '../models/parameters.ts';
import type { TargetModules } from '../models/targets.ts';
import { type Clock, median, type Spent, summary, timed, type Timing } from './timing.ts';

/** Calls of the WebGPU API, by anyone in this page or process. */
export interface ApiCounts {
  dispatches: number;
  passes: number;
  submits: number;
  pipelines: number;
}

const counts: ApiCounts = { dispatches: 0, passes: 0, submits: 0, pipelines: 0 };
let isCounting = false;

/** Counts the WebGPU calls that some work makes. */
export async function countCalls(work: () => Promise<unknown>): Promise<ApiCounts> {
  startCounting();
  const before = { ...counts };
  await work();
  const { dispatches, passes, submits, pipelines } = counts;
  return {
    dispatches: dispatches - before.dispatches,
    passes: passes - before.passes,
    submits: submits - before.submits,
    pipelines: pipelines - before.pipelines,
  };
}

function startCounting(): void {
  // Without WebGPU there is nothing to count.
  if (isCounting || typeof GPUComputePassEncoder === 'undefined') return;
  isCounting = true;
  count(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', 'dispatches');
  count(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', 'dispatches');
  count(GPUCommandEncoder.prototype, 'beginComputePass', 'passes');
  count(GPUQueue.prototype, 'submit', 'submits');
  count(GPUDevice.prototype, 'createComputePipeline', 'pipelines');
  count(GPUDevice.prototype, 'createComputePipelineAsync', 'pipelines');
}

function count<T extends object>(prototype: T, method: keyof T, as: keyof ApiCounts): void {
  const original = prototype[method] as (...values: unknown[]) => unknown;
  const counting = function (this: T, ...values: unknown[]): unknown {
    counts[as]++;
    return original.apply(this, values);
  };
  Object.defineProperty(prototype, method, { value: counting, configurable: true, writable: true });
}

/** A method whose steps are measured. */
export interface StepMethod {
  readonly label: string;
  readonly method: Pick<MethodSettings, 'name'> & Partial<MethodSettings>;
}

/** The methods whose steps are compared with each other, LoRA alone first. */
export const STEP_METHODS: readonly StepMethod[] = [
  { label: 'LoRA only', method: { name: 'gorp-b' } },
  { label: 'GORP', method: { name: 'gorp' } },
];

/** A network with what its learner needs, and a batch to train on. */
interface OpenedModel {
  readonly network: Network;
  readonly targets: TargetModules;
  readonly read: ReadParameter;
  readonly batch: Batch;
  /** How frozen weights and activations are stored; by default as f32, and until they are used. */
  readonly storage?: Pick<LearnerOptions, 'packing' | 'recompute'>;
}

/** Opens a network on a device. */
export type OpenModel = (device: Device) => Promise<OpenedModel>;

/** Steps of one method, in milliseconds. */
export interface StepTimings {
  readonly label: string;
  /** From a loaded model to the first loss. */
  readonly first: number;
  /** A step between two refreshes of the basis, and one with a refresh. */
  readonly step: Timing;
  readonly refresh: Timing;
  /** Mean over the steps from one refresh to the next. */
  readonly period: Spent & { readonly steps: number };
  /** Median time for the host to encode a step. */
  readonly host: number;
  readonly calls: ApiCounts;
  readonly refreshCalls: ApiCounts;
  readonly peakBytes: number;
  readonly losses: readonly number[];
}

/**
 * A model in the second task of a run, the first that has a space, training on one batch on its own device. Every other
 * step refreshes the basis, so that both kinds are measured equally often.
 */
export class SteppingModel {
  readonly #clock: Clock;
  readonly #label: string;
  readonly #updateProjGap: number;
  readonly #network: Network;
  readonly #learner: Learner;
  readonly #batch: Batch;
  readonly #steps: Spent[] = [];
  readonly #refreshes: Spent[] = [];
  readonly #host: number[] = [];
  readonly #losses: number[] = [];
  #first = 0;
  readonly #calls: { step?: ApiCounts; refresh?: ApiCounts } = {};

  private constructor(
    clock: Clock,
    readonly device: Device,
    label: string,
    updateProjGap: number,
    network: Network,
    learner: Learner,
    batch: Batch,
  ) {
    this.#clock = clock;
    this.#label = label;
    this.#updateProjGap = updateProjGap;
    this.#network = network;
    this.#learner = learner;
    this.#batch = batch;
  }

  static async open(
    { clock }: { readonly clock: Clock },
    acquire: () => Promise<Device>,
    label: string,
    method: MethodSettings,
    open: OpenModel,
  ): Promise<SteppingModel> {
    const device = await acquire();
    try {
      const { network, targets, read, batch, storage } = await open(device);
      const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1, ...storage };
      const learner = await Learner.create(
        device,
        network,
        planOf(withValues(method, { updateProjGap: 2 })),
        targets,
        options,
        read,
      );
      const model = new SteppingModel(clock, device, label, method.updateProjGap ?? 1, network, learner, batch);
      await model.#warmUp();
      return model;
    } catch (error) {
      await device.destroy();
      throw error;
    }
  }

  /** The batch of every step. */
  get batch(): Batch {
    return this.#batch;
  }

  /** The network, and its layers with what has been trained. */
  get trained(): { network: Network; layers: Layers } {
    return { network: this.#network, layers: this.#learner.layers };
  }

  /** Learns a task in one step, then trains on the second until everything that a step needs is compiled. */
  async #warmUp(): Promise<void> {
    const { wall } = await timed(this.#clock, async () => {
      await this.#learner.beginTask();
      await this.#step();
    });
    this.#first = wall;
    await this.#learner.endTask({ sample: [this.#batch] });
    await this.#learner.beginTask([this.#batch]);
    await this.#step();
    await this.#step();
  }

  /** Takes a step and waits for its loss. @returns milliseconds until the step was encoded. */
  async #step(): Promise<number> {
    const start = this.#clock.now();
    await this.#learner.step([this.#batch]);
    const host = this.#clock.now() - start;
    for (const { loss } of await this.#learner.takeRecords()) this.#losses.push(loss);
    return host;
  }

  /** Takes the next step; steps with and without a refresh alternate. */
  async measure(kind: 'refresh' | 'step'): Promise<Spent> {
    const isStep = kind === 'step';
    const spent = await timed(this.#clock, async () => {
      this.#calls[kind] = await countCalls(async () => {
        const host = await this.#step();
        if (isStep) this.#host.push(host);
      });
    });
    (isStep ? this.#steps : this.#refreshes).push(spent);
    return spent;
  }

  get timings(): StepTimings {
    const { step: calls, refresh: refreshCalls } = this.#calls;
    if (calls === undefined || refreshCalls === undefined) throw new Error('nothing has been measured');
    const step = summary('step', this.#first, this.#steps);
    const refresh = summary('refresh step', this.#first, this.#refreshes);
    const steps = this.#updateProjGap;
    const mean = (a: number, b: number): number => (a + (steps - 1) * b) / steps;
    const cpu = refresh.cpuMedian === null || step.cpuMedian === null ? null : mean(refresh.cpuMedian, step.cpuMedian);
    return {
      label: this.#label,
      first: this.#first,
      step,
      refresh,
      period: { wall: mean(refresh.wallMedian, step.wallMedian), cpu, steps },
      host: median(this.#host),
      calls,
      refreshCalls,
      peakBytes: this.device.buffers.peakBytes,
      losses: this.#losses.slice(0, 4),
    };
  }

  async destroy(): Promise<void> {
    this.#learner.destroy();
    this.#network.destroy();
    await this.device.destroy();
  }
}
