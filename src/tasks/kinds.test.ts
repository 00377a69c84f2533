import { describe, expect, it } from 'vitest';
import { referencesWith } from '../testing/reference.ts';
import { KINDS } from './kinds.ts';
import { BENCHMARK_KINDS } from './orders.ts';

describe('KINDS', () => {
  it('cover exactly the kinds of all datasets', () => {
    expect(Object.keys(KINDS).sort()).toEqual([...new Set(Object.values(BENCHMARK_KINDS))].sort());
  });

  const CONFIG = 'cl-benchmark/configs/instruction_config.json';

  it.each(referencesWith(CONFIG))('have the questions of the published configuration ($name)', (reference) => {
    const published = reference.json<Record<string, [{ instruction: string }]>>(CONFIG);
    const questions = Object.entries(KINDS).filter(([, question]) => question !== null);
    expect(Object.fromEntries(questions.map(([kind, question]) => [kind, `${question ?? ''}\n`]))).toEqual(
      Object.fromEntries(Object.entries(published).map(([kind, [{ instruction }]]) => [kind, instruction])),
    );
  });
});
