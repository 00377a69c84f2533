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
