import { describe, expect, it } from 'vitest';
import { readGoldenJson } from '../testing/golden.ts';
import { hasShared } from '../testing/shared.ts';
import { KINDS } from './kinds.ts';
import { BENCHMARK_KINDS } from './orders.ts';

describe('KINDS', () => {
  it('are those of all datasets', () => {
    expect(Object.keys(KINDS).sort()).toEqual([...new Set(Object.values(BENCHMARK_KINDS))].sort());
  });

  it.skipIf(!hasShared)('have the questions of the published configuration', () => {
    const published = readGoldenJson<Record<string, [{ instruction: string }]>>(
      'cl-benchmark/configs/instruction_config.json',
    );
    const questions = Object.entries(KINDS).filter(([, question]) => question !== null);
    expect(Object.fromEntries(questions.map(([kind, question]) => [kind, `${question ?? ''}\n`]))).toEqual(
      Object.fromEntries(Object.entries(published).map(([kind, [{ instruction }]]) => [kind, instruction])),
    );
  });
});
