import { adjacent, apart, bytesOf, type Loop, shared, threadsOf, uniform } from '../work.ts';
import type { Family } from './family.ts';

/** The waits of a thread that reads one float after another of a row of its own: a sector lasts for eight. */
const OWN_ROW = { l1: 0.5, l2: 1 / 8 } as const;

/** `shaders/rms-norm.wgsl`: one thread a row, or a column for the gradient of the weight. */
export const norm: Family = {
  kernels: /^rms-norm\/(forward|grad_x|grad_w)(-addend)?$/,
  row: 'rms-norm',
  work: (call, [, form, addend]) => {
    const [rows, columns] = call.params;
    const lane = columns * 4;
    const squares: Loop = { times: columns, slots: 6, accesses: [apart(1, lane)], waits: OWN_ROW };
    const write = { accesses: [apart(addend ? 4 : 3, lane), uniform(1)], waits: OWN_ROW };
    const loops = {
      forward: [squares, { times: columns, slots: 8, accesses: [apart(2, lane), uniform(1)], waits: OWN_ROW }],
      grad_x: [
        squares,
        { times: columns, slots: 9, accesses: [apart(2, lane), uniform(1)], waits: OWN_ROW },
        { times: columns, slots: 14, ...write },
      ],
      grad_w: [
        { ...squares, times: Math.ceil(rows / 64) * columns },
        { times: rows, slots: 9, accesses: [adjacent(2), shared(uniform(1))], waits: { l2: 0.25 } },
      ],
    }[form as 'forward' | 'grad_x' | 'grad_w'];
    return { operations: (form === 'forward' ? 4 : 10) * rows * columns, bytes: bytesOf(call), loops };
  },
};

/** The waits of a workgroup that reads a row side by side: compilers fetch about four steps ahead. */
const STRIDED = { l2: 0.25 } as const;

/** A loop over a row by all threads of a workgroup. */
const strided = (elements: number, threads: number, reads: number, slots: number): Loop => ({
  times: Math.ceil(elements / threads),
  slots,
  accesses: [adjacent(reads)],
  waits: STRIDED,
});

/** One thread, or all at once, adds up what every thread left in workgroup memory. */
const serial = (threads: number, slots = 4): Loop => ({
  times: threads,
  slots,
  accesses: [shared(uniform(1))],
  waits: { l1: 1 },
});

/** `shaders/cross-entropy.wgsl`, with a workgroup a row. */
export const scores: Family = {
  kernels: /^cross-entropy\/(rows|argmax|choices|total)$/,
  row: (call) => call.kernel,
  work: (call, [, form]) => {
    const [rows, vocabulary] = call.params;
    const threads = threadsOf(call);
    if (form === 'total') {
      const loops = [strided(rows, threads, 2, 6), serial(threads)];
      return { operations: 2 * rows, bytes: bytesOf(call), loops };
    }
    const top = [strided(vocabulary, threads, 1, 7), serial(threads, 8)];
    const sum = [strided(vocabulary, threads, 1, 24), serial(threads)];
    return {
      operations: 4 * rows * vocabulary,
      bytes: rows * vocabulary * 4,
      loops: form === 'argmax' ? top : [...top, ...sum],
    };
  },
};

/** `shaders/distillation.wgsl`: three passes over two rows. */
export const distillation: Family = {
  kernels: /^distillation\/rows$/,
  row: 'distillation',
  work: (call) => {
    const [rows, vocabulary] = call.params;
    const pass = (slots: number): Loop[] => [strided(vocabulary, 64, 2, slots), serial(64)];
    return {
      operations: 12 * rows * vocabulary,
      bytes: 2 * rows * vocabulary * 4,
      loops: [...pass(12), ...pass(44), ...pass(40)],
    };
  },
};

/** Sums over whole tensors: `shaders/inner-product.wgsl`, `SQUARES` and `CLIP` of `shaders/optimizer.wgsl`. */
export const sums: Family = {
  kernels: /^(inner-product\/parts|inner-product\/total|optimizer\/squares|optimizer\/clip)$/,
  row: 'sums of tensors',
  work: (call, [, form]) => {
    const [first, second] = call.params;
    const of: Record<string, Loop[]> = {
      'inner-product/parts': [strided(first / second, 64, 2, 7), serial(64)],
      'inner-product/total': [strided(second, 64, 1, 6), serial(64)],
      'optimizer/squares': [strided(second, 64, 1, 6), serial(64)],
      'optimizer/clip': [{ times: first, slots: 4, accesses: [uniform(1)], waits: OWN_ROW }],
    };
    return { operations: bytesOf(call) / 4, bytes: bytesOf(call), loops: of[form] };
  },
};

/** `shaders/mask-rows.wgsl` and `shaders/orthonormality.wgsl`, of spaces and adapters. */
export const spaces: Family = {
  kernels: /^(mask-rows|orthonormality)$/,
  row: 'checks of spaces',
  work: (call, [, form]) => {
    const [, rows, columns] = call.params;
    const loops =
      form === 'mask-rows'
        ? [strided(rows, 64, 1, 9), serial(64), strided(columns, 64, 2, 6)]
        : [strided(rows * rows, 64, 1, 14), serial(64)];
    return { operations: bytesOf(call) / 4, bytes: bytesOf(call), loops };
  },
};

/** `shaders/generation.wgsl`, `NEXT`: one thread for all rows. */
export const next: Family = {
  kernels: /^generation\/next$/,
  row: 'generation/next',
  work: (call) => ({
    operations: 0,
    bytes: bytesOf(call),
    loops: [{ times: call.params[0], slots: 20, accesses: [uniform(5)], waits: { l2: 1 } }],
  }),
};

/** `shaders/subspace.wgsl`: one workgroup, whose first threads add up the sums of all. */
export const subspace: Family = {
  kernels: /^subspace\/(orthonormalise|rotate|signs)-(\d+)$/,
  row: (call) => call.kernel.replace(/-\d+$/, ''),
  work: (call, [, form, threadsOfName]) => {
    const [rows, columns, sweeps] = call.params;
    const threads = Number(threadsOfName);
    const largest = [strided(rows * columns, threads, 1, 6), serial(threads)];
    if (form === 'signs') {
      const loops = [strided(columns, threads, 1, 9), serial(threads, 8), strided(columns, threads, 2, 6)];
      return { operations: 3 * rows * columns, bytes: bytesOf(call), loops };
    }
    if (form === 'orthonormalise') {
      // Of every row: a copy and two lengths, and twice the rows before it in blocks of eight.
      const blocks = Array.from({ length: rows }, (_, row) => 2 * Math.ceil(row / 8)).reduce((a, b) => a + b, 0);
      const pass: Loop = { ...strided(columns, threads, 9, 28), waits: { l1: 1 } };
      const repeated = (loop: Loop, count: number): Loop => ({ ...loop, times: loop.times * count });
      return {
        operations: 8 * rows * rows * columns,
        bytes: bytesOf(call),
        loops: [
          ...largest,
          repeated(strided(columns, threads, 2, 8), 4 * rows),
          repeated(serial(threads), 2 * rows),
          repeated(pass, 2 * blocks),
          repeated(serial(threads), blocks),
        ],
      };
    }
    // Pairs of columns in parallel; a barrier over storage after each round of them.
    const rounds = sweeps * (rows + (rows % 2) - 1);
    const inner: Loop = { times: rounds * rows, slots: 12, accesses: [apart(2, rows * 8)], waits: { l1: 1 } };
    const turn: Loop = { times: rounds * 2 * rows, slots: 16, accesses: [apart(4, rows * 8)], waits: { l1: 1 } };
    const between: Loop = { times: rounds, slots: 60, waits: { l2: 1 } };
    const sort: Loop = { times: 3 * rows, slots: 10, accesses: [apart(2, rows * 4)], waits: { l1: 1 } };
    return {
      operations: sweeps * 9 * rows ** 3,
      bytes: bytesOf(call),
      loops: [...largest, inner, turn, between, sort],
    };
  },
};
