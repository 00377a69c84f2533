import { type RecordedCall, warpsOf, type Work } from './work.ts';

const LARGE_BYTES = 1e6;
const LEAST_WARPS = 64;
/** One workgroup takes 3680 for 24 singular vectors, which rank 16 needs: a quarter of a millisecond. */
const MOST_ITERATIONS = 4096;
/** Storage buffers for each kernel that WebGPU guarantees. */
const MOST_BUFFERS = 8;

/** What no dispatch may do on a graphics card, and whether one does. */
export const BUDGETS: Readonly<Record<string, (call: RecordedCall, work: Work) => boolean>> = {
  [`moves over ${LARGE_BYTES / 1e6} MB with fewer than ${LEAST_WARPS} warps`]: (call, { bytes, extraBytes = 0 }) =>
    bytes + extraBytes > LARGE_BYTES && warpsOf(call) < LEAST_WARPS,
  [`loops over ${MOST_ITERATIONS} times`]: (_, { loops }) => loops.some(({ times }) => times > MOST_ITERATIONS),
  [`binds more than ${MOST_BUFFERS} storage buffers`]: ({ tensors }) => tensors.length > MOST_BUFFERS,
};
