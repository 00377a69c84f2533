import { adjacent, bytesOf, groupsOf, type RecordedCall, threadsOf, type Work } from '../work.ts';
import type { Family } from './family.ts';

/** A thread for each value, or for a few: adjacent lanes, adjacent values. */
function elementwise(call: RecordedCall, elements: number, bytes = bytesOf(call)): Work {
  const threads = groupsOf(call) * threadsOf(call);
  const width = elements > threads * 2 ? 16 : 4;
  const times = Math.max(1, Math.ceil((elements * 4) / width / threads));
  const accesses = [adjacent(Math.max(1, Math.round(bytes / (elements * 4))), width)];
  return { operations: 4 * elements, bytes, loops: [{ times, slots: 30, accesses, waits: { memory: 1 } }] };
}

/** Floats of the last tensor that is as large as the largest. */
const largest = ({ tensors }: RecordedCall): number => Math.max(...tensors) / 4;

/** Kernels without sums. */
export const elements: Family = {
  kernels:
    /^(activation|arithmetic|dropout|rotary|last-tokens|relative-bias|optimizer\/(adam|apply)|cross-entropy\/gradient|distillation\/gradient|matmul\/pad-rows)/,
  row: (call) => /^[^/]*/.exec(call.kernel.replace('cross-entropy/', 'cross-entropy '))?.[0] ?? call.kernel,
  work: (call) => elementwise(call, largest(call)),
};

/** `shaders/embedding.wgsl` reads few rows of its table. */
export const embedding: Family = {
  kernels: /^embedding\/lookup/,
  row: 'embedding',
  work: (call) => elementwise(call, call.tensors[2] / 4, 2 * call.tensors[2]),
};

/** `shaders/generation.wgsl`, `APPEND_KV`: writes one row of both caches. */
export const append: Family = {
  kernels: /^generation\/append-kv$/,
  row: 'generation/append-kv',
  work: (call) => elementwise(call, call.tensors[0] / 4, 4 * call.tensors[0]),
};

/** `shaders/reduce-splits.wgsl`: a thread adds the parts of one element. No result needs that, except for an addend. */
export const reduction: Family = {
  kernels: /^matmul\/reduce-splits$/,
  row: 'reduce-splits',
  work: (call) => {
    const [, splits] = call.params;
    const bytes = call.tensors[2] ?? 0;
    return {
      ...{ operations: 0, bytes, extraBytes: bytesOf(call) - bytes },
      loops: [
        { times: splits, slots: 6, accesses: [adjacent(1)], waits: { l2: 0.25 } },
        { times: 1, slots: 25, accesses: [adjacent(2)], waits: { memory: 1 } },
      ],
    };
  },
};
