import { adjacent, bytesOf, type Loop, shared, uniform } from '../work.ts';
import type { Family } from './family.ts';
import { strided, tree } from './rows.ts';

/** A loop that runs so many times as often. */
const repeated = (loop: Loop, count: number): Loop => ({ ...loop, times: loop.times * count });

/** `shaders/subspace.wgsl`: a workgroup for each matrix, which adds by trees; signs one a row. */
export const subspace: Family = {
  kernels: /^subspace\/(orthonormalise|rotate|signs)-(\d+)(-\d+)?(-shared)?$/,
  row: (call) => /^subspace\/[a-z]+/.exec(call.kernel)?.[0] ?? call.kernel,
  work: (call, [, form, size, local, isShared]) => {
    const [rows, columns, sweeps, , count] = call.params;
    const threads = Number(size);
    const bytes = bytesOf(call);
    const largest = [strided(rows * columns, threads, 1, 6), ...tree(threads)];
    if (form === 'signs') {
      const loops = [strided(columns, threads, 1, 9), ...tree(threads, 8), strided(columns, threads, 2, 6)];
      return { operations: 3 * rows * columns, bytes, loops };
    }
    if (form === 'orthonormalise')
      return { operations: 8 * count * rows * rows * columns, bytes, loops: orthonormalising() };
    return { operations: count * sweeps * 9 * rows ** 3, bytes, loops: [...largest, ...rotating()] };

    // Of every row: a copy and two lengths, and twice the rows before it in blocks of eight.
    function orthonormalising(): Loop[] {
      const blocks = Array.from({ length: rows }, (_, row) => 2 * Math.ceil(row / 8)).reduce((a, b) => a + b, 0);
      const pass: Loop = { ...strided(columns, threads, 9, 28), waits: { l1: 1 } };
      const adding: Loop[] = [
        { times: 1, slots: 40, accesses: [shared(adjacent(8))], waits: { l1: 3 } },
        {
          times: threads / 8,
          slots: 5,
          accesses: [shared(adjacent(1))],
          waits: { l1: 1 },
          share: Math.min(1, 64 / threads),
        },
        { times: 8, slots: 5, accesses: [shared(adjacent(1))], waits: { l1: 1 } },
      ];
      const lengths = tree(threads).map((loop) => repeated(loop, 2 * rows));
      return [
        ...largest,
        repeated(strided(columns, threads, 2, 8), 4 * rows),
        ...lengths,
        repeated(pass, 2 * blocks),
        ...adding.map((loop) => repeated(loop, blocks)),
      ];
    }

    // Pairs of columns in parallel, eight threads each where they share; a barrier after each round of them.
    function rotating(): Loop[] {
      const lanes = isShared ? 8 : 1;
      const pairs = Math.ceil(rows / 2 / Math.floor(threads / lanes));
      const rounds = pairs * sweeps * (rows + (rows % 2) - 1);
      const each = Math.ceil(rows / lanes);
      const inWork = (count: number): Pick<Loop, 'accesses' | 'waits'> => ({
        accesses: [local ? shared(adjacent(count)) : adjacent(count)],
        waits: { l1: 1 },
      });
      const serial: Loop = { times: 8, slots: 6, accesses: [shared(uniform(1))], waits: { l1: 1 } };
      return [
        { times: rounds * each, slots: 12, ...inWork(2) },
        ...(isShared ? [repeated(serial, rounds)] : []),
        { times: rounds * 2 * each, slots: 16, ...inWork(4) },
        { times: rounds, slots: 60, waits: local ? { l1: 1 } : { l2: 1 } },
        { times: 3 * rows, slots: 10, ...inWork(2) },
      ];
    }
  },
};
