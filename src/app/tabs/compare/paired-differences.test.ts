import { describe, expect, it } from 'vitest';
import type { Results } from '../../../run/results/results.ts';
import type { MethodName } from '../../../methods/registry.ts';
import { quickResults } from '../../../testing/scripted-results.ts';
import { contrastsOf, measuresTex, testsCsv } from './PairedDifferences.tsx';
import { groupsOf } from './settings-groups.ts';

/** A run with the same accuracy everywhere, and which of the four tests of each task it had right at its end. */
function run(method: MethodName, seed: number, ap: number, bits = 'f', order?: string[]): Results {
  const results = quickResults(method, seed);
  const exact = results.accuracy.exact.map((row) => row.map(() => ap));
  return {
    ...results,
    settings: { ...results.settings, ...(order && { order }) },
    tasks: results.tasks.map((task) => ({ ...task, texts: 'a'.repeat(64), testExamples: 4 })),
    accuracy: { ...results.accuracy, exact },
    right: [1, 2].map((task) => ({ round: exact.length - 1, task, exact: bits })),
  };
}

const compared = (all: Results[], acrossOrders = false) => {
  const [one, ...others] = groupsOf(all, acrossOrders);
  return contrastsOf(one, others, 'exact');
};

describe('contrastsOf', () => {
  it('pairs runs by seed and order, and tests the differences of seeds by Student', () => {
    const [contrast] = compared([
      ...[0.75, 0.625, 1].map((ap, i) => run('gorp-plus', i + 1, ap)),
      ...[0.5, 0.5, 0.5].map((ap, i) => run('seq-lora', i + 1, ap)),
      run('seq-lora', 9, 0), // no pair
    ]);
    // scipy.stats.ttest_1samp([0.25, 0.125, 0.5], 0), and its confidence_interval(0.95).
    expect(contrast).toMatchObject({ name: 'seq-lora', pairs: 3, by: 'seeds' });
    expect(contrast.interval.mean).toBeCloseTo(0.2916667, 6);
    expect(contrast.p).toBeCloseTo(0.1180828963, 6);
    expect(contrast.interval.low).toBeCloseTo(-0.1826562125, 6);
  });

  it('takes the mean over the orders of a seed first', () => {
    const orders = [
      ['gloss', 'field'],
      ['field', 'gloss'],
    ];
    const mine = orders.map((order, i) => run('gorp-plus', 1, 0.5 + i / 4, 'f', order));
    const theirs = orders.map((order) => run('seq-lora', 1, 0.25, 'f', order));
    const [contrast] = compared([...mine, ...theirs], true);
    expect(contrast).toMatchObject({ pairs: 2, interval: { mean: 0.375, low: null, count: 1 }, p: null });
  });

  it('tests a single pair by the answers to the same tests, and no others', () => {
    // Of eight tests the first had all right, the second two: six are of the first alone.
    const pair = [run('gorp-plus', 1, 1, 'f'), run('seq-lora', 1, 0.25, '1')];
    const [contrast] = compared(pair);
    expect(contrast).toMatchObject({ by: 'answers' });
    expect(contrast.p).toBeCloseTo(2 * 0.5 ** 6, 12);
    const other = { ...pair[1], tasks: pair[1].tasks.map((task) => ({ ...task, texts: 'b'.repeat(64) })) };
    expect(compared([pair[0], other])[0]).toMatchObject({ by: 'seeds', p: null });
  });
});

it('writes every test as a line, and measures as LaTeX, in which no name is a command or a formula', () => {
  const evil = run('gorp-plus', 1, 0.5);
  evil.tasks = evil.tasks.map((task, j) => (j === 0 ? { ...task, name: '=50 % & "x_y"' } : task));
  const groups = groupsOf([evil, run('seq-lora', 1, 0.5)]);
  const [head, ...lines] = testsCsv(groups).trim().split('\r\n');
  expect(head).toBe('method,order,seed,round,task,measure,value');
  expect(lines[0]).toMatch(/^gorp-plus,"gloss, field",1,0,"'=50 % & ""x_y""",exact,0\.5$/);
  const named = groups.map((group) => ({ ...group, name: `${group.name} 50 % & x_y` }));
  expect(measuresTex(named, 'exact')).toContain('gorp-plus 50 \\% \\& x\\_y & $');
});
