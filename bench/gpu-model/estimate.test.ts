import { expect, test } from 'vitest';
import { CARDS } from './cards.ts';
import { estimate, wavefrontsOf } from './estimate.ts';
import { adjacent, apart, type Loop, type RecordedCall, shared, uniform, type Work } from './work.ts';

// The model is frozen: values by hand, from the rule of `estimate` and the constants of the cards. Whoever changes them
// makes earlier tables incomparable, and has to record those again.

/** 120 workgroups of one warp: 4 warps a core on the first card, 12 on the second, less than one on the third. */
const call: RecordedCall = { kernel: 'any', size: [32, 1, 1], workgroups: [120, 1, 1], params: [], tensors: [] };
const LAUNCH = 3e-6;

const seconds = (work: Partial<Work>): number[] =>
  CARDS.map((card) => estimate(call, { operations: 0, bytes: 0, loops: [], ...work }, card).seconds - LAUNCH);
/** Seconds of one loop from cycles of an iteration. */
const cycles = ([laptop, apple, h100]: readonly number[]): number[] => [
  (1000 * laptop) / 1.4e9,
  (1000 * apple) / 1.4e9,
  (1000 * h100) / 1.7e9,
];
const loop = (parts: Partial<Loop>): Pick<Work, 'loops'> => ({ loops: [{ times: 1000, slots: 20, ...parts }] });

test.each<[string, Partial<Work>, number[]]>([
  ['bandwidth', { bytes: 336e6 }, [1e-3, 3.36e-3, 336e6 / 3350e9]],
  ['bytes that only the kernel needs', { bytes: 236e6, extraBytes: 100e6 }, [1e-3, 3.36e-3, 336e6 / 3350e9]],
  ['the peak of arithmetic', { operations: 36e9 }, [3.6e-3, 1e-2, 6e-4]],
  ['issuing', loop({ slots: 400 }), cycles([400, 1200, 400])],
  ['wavefronts', loop({ accesses: [apart(10, 128)] }), cycles([1280, 3840, 320])],
  ['waiting', loop({ waits: { memory: 1, l2: 2, l1: 3 } }), cycles([1150, 1150, 1150])],
  ['few warps at once', { ...loop({ waits: { memory: 1 } }), registers: 255 }, cycles([620, 930, 620])],
  // 45 registers too many: 90 instructions and lines more.
  ['spilling', { ...loop({}), registers: 300 }, cycles([360, 1080, 110])],
  ['one of two loops', { loops: [...loop({}).loops, ...loop({ slots: 400 }).loops] }, cycles([420, 1260, 420])],
])('a dispatch takes as long as its %s', (_, work, expected) => {
  seconds(work).forEach((value, card) => expect(value).toBeCloseTo(expected[card], 9));
});

test('warps that wait count in part', () => {
  const [{ seconds: half }] = CARDS.map((card) =>
    estimate({ ...call, size: [64, 1, 1] }, { operations: 0, bytes: 0, ...loop({ slots: 400, share: 0.5 }) }, card),
  );
  expect(half - LAUNCH).toBeCloseTo((1000 * 400) / 1.4e9, 9);
});

test('a wavefront is a line of storage or a row of banks', () => {
  expect(wavefrontsOf(adjacent(1))).toBe(1);
  expect(wavefrontsOf(adjacent(1, 16))).toBe(4);
  expect(wavefrontsOf(uniform(1, 16))).toBe(1);
  expect(wavefrontsOf(apart(1, 4096))).toBe(32);
  expect(wavefrontsOf(apart(1, 4096), 8)).toBe(8);
  expect(wavefrontsOf(shared(adjacent(1, 16)))).toBe(4); // eight lanes at a time fill all banks
  expect(wavefrontsOf(shared(apart(1, 128, 16)))).toBe(32); // all in the same four banks
  expect(wavefrontsOf(shared(apart(1, 132)))).toBe(1); // padded rows
  expect(wavefrontsOf(shared(uniform(1)))).toBe(1);
});
