import { beforeAll, expect, test } from 'vitest';
import { SLICE } from '../../src/device/webgpu/pace.ts';
import { TESTS_ALL } from '../../src/testing/tier.ts';
import type { WorkName } from '../dispatches/model-programs.ts';
import { BUDGETS } from './budgets.ts';
import { CARDS } from './cards.ts';
import { describe as described } from './families/index.ts';
import { estimate } from './estimate.ts';
import { type RecordedProgram, recordPrograms, recordSpacePrograms } from './programs.ts';
import type { RecordedCall } from './work.ts';

/** The most dispatches of each work, those of the kernels at hand. Lower them where kernels are joined. */
const MOST_DISPATCHES: Readonly<Record<string, Readonly<Record<WorkName, number>>>> = {
  't5-small': { step: 951, refresh: 1193, prefill: 147, decode: 216 },
  't5-large': { step: 5253, refresh: 6083, prefill: 483, decode: 846 },
  'TinyLlama-1.1B, 8-bit': { step: 2266, refresh: 2704, prefill: 522, decode: 644 },
};

/** The same of the works of spaces: reading a batch, building all spaces, beginning a task. */
const MOST_FOR_SPACES: Readonly<Record<string, readonly [read: number, build: number, begin: number]>> = {
  't5-small': [397, 884, 82],
  'SmolLM2-135M': [958, 2710, 184],
  't5-large': [1507, 5897, 316],
  'TinyLlama-1.1B, 8-bit': [658, 15896, 136],
  'LLaMA-2-7B, 8-bit': [894, 43599, 230],
};
/** Orthonormal rows take a workgroup for each input, and the last that grow together may be few. */
const KNOWN = ['subspace/orthonormalise moves over 1 MB with fewer than 64 warps'];
/** The slowest card. */
const SLOWEST = CARDS[1];

/** The larger ones have the same kernels, and take seconds to record. */
const isTested = (model: string): boolean => TESTS_ALL || ['t5-small', 'SmolLM2-135M'].includes(model);

let programs: RecordedProgram[];
let spaces: { model: string; works: readonly (readonly RecordedCall[])[] }[];
beforeAll(async () => {
  programs = await recordPrograms(CARDS[0], isTested);
  spaces = (await recordSpacePrograms(SLOWEST, isTested)).map(({ model, calls: { read, build, begin } }) => {
    return { model, works: [read, build, begin] };
  });
});

test('no dispatch exceeds its budgets, but for one that is known', () => {
  const over = new Set<string>();
  for (const calls of [...programs.map((one) => one.calls), ...spaces.flatMap(({ works }) => works)]) {
    for (const call of new Set(calls)) {
      const { row, work } = described(call);
      for (const [budget, exceeds] of Object.entries(BUDGETS)) {
        if (exceeds(call, work)) over.add(`${row} ${budget}`);
      }
    }
  }
  expect([...over]).toEqual(KNOWN);
});

test('no work takes more dispatches than before', () => {
  expect(programs.length).toBe(TESTS_ALL ? 12 : 4); // four works of each model
  for (const { model, work, calls } of programs) {
    expect(calls.length, `${model}, ${work}`).toBeLessThanOrEqual(MOST_DISPATCHES[model][work]);
  }
  expect(spaces.length).toBe(TESTS_ALL ? 5 : 2); // models
  for (const { model, works } of spaces) {
    for (const [i, calls] of works.entries()) {
      expect(calls.length, model).toBeLessThanOrEqual(MOST_FOR_SPACES[model][i]);
    }
  }
});

test('a dispatch for spaces that takes longer than a slice can be cut', () => {
  const over = new Set<string>();
  for (const { model, works } of spaces) {
    for (const call of new Set(works.flat())) {
      const { row, work } = described(call);
      const ms = 1e3 * estimate(call, work, SLOWEST).seconds;
      if (ms / Math.max(...call.workgroups) > SLICE) over.add(`${model}, ${row}: ${ms} ms`);
    }
  }
  expect([...over]).toEqual([]);
});

test('the budgets', () => {
  const [few, loops, buffers] = Object.values(BUDGETS);
  const call = { kernel: 'any', size: [32, 1, 1], workgroups: [63, 1, 1], params: [], tensors: [] } as const;
  const work = { operations: 0, bytes: 1e6, extraBytes: 1, loops: [] };
  expect(few(call, work)).toBe(true);
  expect(few({ ...call, size: [33, 1, 1] }, work)).toBe(false);
  expect(few(call, { ...work, extraBytes: 0 })).toBe(false);
  expect(loops(call, { ...work, loops: [{ times: 4097, slots: 1 }] })).toBe(true);
  expect(loops(call, { ...work, loops: [{ times: 4096, slots: 1 }] })).toBe(false);
  expect(buffers({ ...call, tensors: Array<number>(9).fill(4) }, work)).toBe(true);
  expect(buffers({ ...call, tensors: Array<number>(8).fill(4) }, work)).toBe(false);
});
