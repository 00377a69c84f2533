import { adjacent, apart, bytesOf, type Loop, type RecordedCall, shared, threadsOf, type Work } from '../work.ts';
import type { Family } from './family.ts';
import { strided, tree } from './rows.ts';

/** `shaders/square-measures.wgsl`: the diagonal by one workgroup, the largest entry by one for each part. */
export const squareMeasures: Family = {
  kernels: /^square-measures\/(trace|largest)$/,
  row: 'measures of squares',
  work: (call, [, form]) => {
    const [count, each] = call.params;
    const threads = threadsOf(call);
    if (form === 'largest') {
      return { operations: count, bytes: bytesOf(call), loops: [strided(each, threads, 1, 8), ...tree(threads)] };
    }
    // Neighbours on the diagonal lie in lines of their own; of each a sector is read.
    const diagonal: Loop = { ...strided(count, threads, 1, 8), accesses: [apart(1, 4 * (count + 1))] };
    return { operations: count, bytes: 4 * count, extraBytes: 28 * count, loops: [diagonal, ...tree(threads)] };
  },
};

/** `shaders/sweep.wgsl`: the inverse of each matrix's block by one workgroup, and copies of a panel of its rows. */
export const sweep: Family = {
  kernels: /^sweep\/(pivot|panel|borders)$/,
  row: (call) => call.kernel,
  work: (call, [, form]) => (form === 'pivot' ? pivot(call) : panel(call, form === 'borders')),
};

function pivot(call: RecordedCall): Work {
  const [, , size, count] = call.params;
  const threads = threadsOf(call);
  const square = size * size;
  const moves = strided(square, threads, 1, 45); // with a division for its place
  const eliminations: Loop = {
    times: size * Math.ceil(square / threads),
    slots: 50,
    accesses: [shared(adjacent(3)), shared(apart(1, 4 * size))],
    waits: { l1: 2 },
  };
  const scalings: Loop = { times: size, slots: 60, accesses: [shared(apart(4, 4 * size))], waits: { l1: 4 } };
  return {
    operations: 2 * count * size ** 3,
    bytes: 8 * count * square,
    loops: [moves, eliminations, scalings, moves],
  };
}

/** A thread for each element of [count, size, n]; borders are written as columns too. */
function panel(call: RecordedCall, isBorders: boolean): Work {
  const [n, , size, count] = call.params;
  const copies = isBorders ? 3 : 2;
  const accesses = [adjacent(2), ...(isBorders ? [apart(1, 4 * n)] : [])];
  const loops = [{ times: 1, slots: 50, accesses, waits: { memory: 1 } }];
  return { operations: 0, bytes: 4 * copies * count * size * n, loops };
}
