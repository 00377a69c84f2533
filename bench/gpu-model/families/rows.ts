import { adjacent, apart, bytesOf, type Loop, shared, threadsOf, uniform } from '../work.ts';
import type { Family } from './family.ts';

/** The waits of a workgroup that reads a row side by side: compilers fetch about four steps ahead. */
const STRIDED = { l2: 0.25 } as const;

/** A loop over a row by all threads of a workgroup. */
export const strided = (elements: number, threads: number, reads: number, slots: number): Loop => ({
  times: Math.ceil(elements / threads),
  slots,
  accesses: [adjacent(reads)],
  waits: STRIDED,
});

const BRANCHES = 8;

/** `shaders/tree.wgsl`: eight threads combine what all left in workgroup memory, then all combine theirs. */
export const tree = (threads: number, slots = 5): Loop[] => [
  { times: 1, slots: 20, accesses: [shared(adjacent(2))], waits: { l1: 2 } },
  {
    times: threads / BRANCHES,
    slots,
    accesses: [shared(adjacent(1))],
    waits: { l1: 1 },
    share: 1 / Math.ceil(threads / 32),
  },
  { times: BRANCHES, slots, accesses: [shared(uniform(1))], waits: { l1: 1 } },
];

/** `shaders/rms-norm.wgsl`: a workgroup a row, which its threads hold in registers. */
export const norm: Family = {
  kernels: /^rms-norm\/(forward|grad_x)(-addend)?-(\d+)×(\d+)×(\d)$/,
  row: 'rms-norm',
  work: (call, [, form, addend, ...numbers]) => {
    const [rows, columns] = call.params;
    const [lanes, held, width] = numbers.map(Number);
    const isForward = form === 'forward';
    const bytes = width === 4 ? 16 : 4;
    const vectors = Math.ceil(columns / width / lanes);
    const inner = isForward ? 2 : 3;
    const slots = width * (isForward ? 3 : 5) + 8;
    // Held elements are read at once; those of a longer row are read twice.
    const further = Math.max(0, vectors - held);
    const pass = (times: number, waits: Loop['waits'], reads: number): Loop => ({
      times,
      slots: slots + (addend ? width : 0),
      accesses: [adjacent(reads, bytes)],
      ...(waits && { waits }),
    });
    const one = Math.min(held, vectors);
    return {
      operations: (isForward ? 4 : 10) * rows * columns,
      bytes: bytesOf(call),
      registers: 24 + 2 * held * width,
      loops: [
        { times: 1, slots: 12, waits: { memory: 1 } },
        pass(one, undefined, inner),
        pass(further, { l2: 1 }, inner),
        ...(lanes > 1 ? tree(lanes) : []),
        pass(one, undefined, addend ? 2 : 1),
        pass(further, { l2: 1 }, inner + (addend ? 2 : 1)),
      ],
    };
  },
};

/** The gradient of a norm's weight: one thread a column. */
export const normWeight: Family = {
  kernels: /^rms-norm\/grad_w-/,
  row: 'rms-norm of weights',
  work: (call) => {
    const [rows, columns] = call.params;
    const scale: Loop = {
      times: Math.ceil(rows / 64) * columns,
      slots: 6,
      accesses: [apart(1, columns * 4)],
      waits: { l1: 0.5, l2: 1 / 8 },
    };
    const sum: Loop = { times: rows, slots: 9, accesses: [adjacent(2), shared(uniform(1))], waits: STRIDED };
    return { operations: 10 * rows * columns, bytes: bytesOf(call), loops: [scale, sum] };
  },
};

/** `shaders/cross-entropy.wgsl`, with a workgroup a row that is read once. */
export const scores: Family = {
  kernels: /^cross-entropy\/(rows|argmax|choices|total)-(\d+)$/,
  row: (call) => call.kernel.replace(/-\d+$/, ''),
  work: (call, [, form]) => {
    const [rows, vocabulary] = call.params;
    const threads = threadsOf(call);
    if (form === 'total') {
      return { operations: 2 * rows, bytes: bytesOf(call), loops: [strided(rows, threads, 2, 6), ...tree(threads)] };
    }
    const slots = form === 'argmax' ? 12 : 30; // with the exponential of each element
    return {
      operations: 4 * rows * vocabulary,
      bytes: rows * vocabulary * 4,
      loops: [strided(vocabulary, threads, 1, slots), ...tree(threads, slots)],
    };
  },
};

/** `shaders/distillation.wgsl`: two passes over two rows. */
export const distillation: Family = {
  kernels: /^distillation\/rows-/,
  row: 'distillation',
  work: (call) => {
    const [rows, vocabulary] = call.params;
    const threads = threadsOf(call);
    const pass = (slots: number): Loop[] => [strided(vocabulary, threads, 2, slots), ...tree(threads, slots)];
    return {
      operations: 12 * rows * vocabulary,
      bytes: 2 * rows * vocabulary * 4,
      loops: [...pass(50), ...pass(50)],
    };
  },
};

/** Sums over whole tensors: `shaders/inner-product.wgsl`, `SQUARES` and `CLIP` of `shaders/optimizer.wgsl`. */
export const sums: Family = {
  kernels: /^(inner-product\/parts|inner-product\/total|optimizer\/squares|optimizer\/clip)(?:-\d+)?$/,
  row: 'sums of tensors',
  work: (call, [, form]) => {
    const [first, second] = call.params;
    const threads = threadsOf(call);
    const elements = { parts: first / second, total: second, squares: second, clip: first }[form.split('/')[1]] ?? 0;
    const loops = [strided(elements, threads, form === 'inner-product/parts' ? 2 : 1, 7), ...tree(threads)];
    return { operations: bytesOf(call) / 4, bytes: bytesOf(call), loops };
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
        ? [strided(rows, 64, 1, 9), ...tree(64), strided(columns, 64, 2, 6)]
        : [strided(rows * rows, 64, 1, 14), ...tree(64)];
    return { operations: bytesOf(call) / 4, bytes: bytesOf(call), loops };
  },
};

/** `shaders/generation.wgsl`, `NEXT`: one workgroup for all rows. */
export const next: Family = {
  kernels: /^generation\/next$/,
  row: 'generation/next',
  work: (call) => {
    const step: Loop = { ...strided(call.params[0], threadsOf(call), 5, 20), waits: { l2: 2 } };
    return { operations: 0, bytes: bytesOf(call), loops: [step, ...tree(threadsOf(call))] };
  },
};
