import { createElement } from 'react';
import { describe, expect, it } from 'vitest';
import { type MemoryPlan, PARTS, type Parts } from '../../run/planning/memory-plan.ts';
import { markup, silentPage, textOf } from '../testing/markup.ts';
import { MemoryField } from './MemoryField.tsx';

const GIB = 2 ** 30;

/** A plan that is fullest with the keys and values of tests. */
function planOf(gib: number): MemoryPlan {
  const none = Object.fromEntries(PARTS.map((part) => [part, 0])) as Parts;
  const total = gib * GIB;
  return {
    total,
    moment: 'testing',
    parts: { ...none, caches: total },
    moments: { testing: total },
    checkpoint: 0,
    host: 0,
  };
}

/** The words of the page about the memory before a run. */
function shown(plan: MemoryPlan, memoryBudget: number | null): string {
  const page = silentPage();
  const work = { operations: 1, kernels: 1 };
  const effort = {
    step: work,
    tests: { labels: null, free: null },
    space: null,
    single: null,
    validation: null,
    generalText: null,
    tokensOfStep: 8,
    tokensOfRow: 1,
    sharesBeginnings: false,
  };
  page.store.setState({ memoryPlan: { status: 'planned', plan, effort }, memoryBudget });
  return textOf(markup(page, createElement(MemoryField)));
}

describe('the memory of a run, before it starts', () => {
  it('is said to be more than many cards have, with what would help', () => {
    const text = shown(planOf(6.4), null);
    expect(text).toContain('6.40 GiB');
    expect(text).toContain('Many graphics cards have no more than 5.00 GiB');
    expect(text).toContain('a smaller test batch');
  });

  it('does not matter if it is less, or if the person has entered how much there is', () => {
    expect(shown(planOf(4), null)).not.toContain('Many graphics cards');
    expect(shown(planOf(6.4), 8)).not.toContain('Many graphics cards');
  });

  it('is refused if it is more than the person allows', () => {
    expect(shown(planOf(6.4), 6)).toContain('a smaller test batch');
  });
});
