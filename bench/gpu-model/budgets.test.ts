import { beforeAll, expect, test } from 'vitest';
import type { WorkName } from '../dispatches/model-programs.ts';
import { BUDGETS } from './budgets.ts';
import { CARDS } from './cards.ts';
import { describe as described } from './families/index.ts';
import { type RecordedProgram, recordPrograms } from './programs.ts';

/** The most dispatches of each work, those of the kernels at hand. Lower them where kernels are joined. */
const MOST_DISPATCHES: Readonly<Record<string, Readonly<Record<WorkName, number>>>> = {
  't5-small': { step: 951, refresh: 1193, prefill: 147, decode: 216 },
  't5-large': { step: 5253, refresh: 6083, prefill: 483, decode: 846 },
  'TinyLlama-1.1B, 8-bit': { step: 2266, refresh: 2704, prefill: 522, decode: 644 },
};

let programs: RecordedProgram[];
beforeAll(async () => {
  programs = await recordPrograms(CARDS[0]);
});

test('no dispatch exceeds its budgets', () => {
  const over = new Set<string>();
  for (const { calls } of programs) {
    for (const call of new Set(calls)) {
      const { row, work } = described(call);
      for (const [budget, exceeds] of Object.entries(BUDGETS)) {
        if (exceeds(call, work)) over.add(`${row} ${budget}`);
      }
    }
  }
  expect([...over]).toEqual([]);
});

test('no work takes more dispatches than before', () => {
  expect(programs.length).toBe(12); // four works of three models
  for (const { model, work, calls } of programs) {
    expect(calls.length, `${model}, ${work}`).toBeLessThanOrEqual(MOST_DISPATCHES[model][work]);
  }
});

test('the budgets', () => {
  const [few, loops, buffers] = Object.values(BUDGETS);
  const call = { kernel: 'any', size: [32, 1, 1], workgroups: [63, 1, 1], params: [], tensors: [] } as const;
  const work = { operations: 0, bytes: 1e6, extraBytes: 1, loops: [] };
  expect(few(call, work)).toBe(true);
  expect(few({ ...call, size: [33, 1, 1] }, work)).toBe(false);
  expect(few(call, { ...work, extraBytes: 0 })).toBe(false);
  expect(loops(call, { ...work, loops: [{ times: 2049, slots: 1 }] })).toBe(true);
  expect(loops(call, { ...work, loops: [{ times: 2048, slots: 1 }] })).toBe(false);
  expect(buffers({ ...call, tensors: Array<number>(9).fill(4) }, work)).toBe(true);
  expect(buffers({ ...call, tensors: Array<number>(8).fill(4) }, work)).toBe(false);
});
