import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { quickResults } from '../../testing/scripted-results.ts';
import { withMeasures } from './measures.ts';
import { type Results, ResultsSchema } from './results.ts';
import { MOST_TASKS } from '../settings/results-bounds.ts';

const good = quickResults('gorp', 1);
const parsed = (results: unknown): Results => v.parse(ResultsSchema, results);
const [space] = good.spaces;
const [tensor] = space.tensors;

/** Results whose last round of general text is changed. */
function withText(results: Results, change: object): unknown {
  const text = results.probes?.generalText;
  const rounds = [...(text?.rounds.slice(0, -1) ?? []), { ...text?.rounds.at(-1), ...change }];
  return { ...results, probes: { generalText: { ...text, rounds } } };
}

describe('ResultsSchema', () => {
  it('takes what a run writes', () => {
    expect(parsed(JSON.parse(JSON.stringify(good)))).toEqual(good);
  });

  it('takes those of earlier versions, which were not measured by general text', () => {
    const { generalText, ...training } = good.settings.training;
    const { probes, ...earlier } = { ...good, settings: { ...good.settings, training } };
    expect([generalText, probes?.generalText?.rounds.length]).toEqual(['included', 3]);
    expect(parsed(earlier)).toEqual({
      ...earlier,
      settings: { ...good.settings, training: { ...training, generalText: 'none' } },
    });
  });

  it('takes those with a setting that is gone, if it was off', () => {
    const withOld = (rehearsal: number): unknown => ({
      ...good,
      settings: { ...good.settings, training: { ...good.settings.training, rehearsal } },
    });
    expect(parsed(withOld(0))).toEqual(good);
    expect(() => parsed(withOld(1))).toThrow(/rehearsal/);
  });

  it('takes those of a run that was stopped before it read its tasks', () => {
    const curves = { round: [], step: [], loss: [], gradientNorm: [], seconds: [] };
    const early = (accuracy: Results['accuracy']): object => {
      return { ...good, tasks: [], curves, spaces: [], confusion: [], ...withMeasures(accuracy, []) };
    };
    expect(() => parsed(early({ exact: [[], [], []], ranked: [[], [], []] }))).not.toThrow();
    expect(() => parsed(early({ exact: [[]], ranked: [[]] })), 'of earlier versions').not.toThrow();
    expect(() => parsed(early({ exact: [[0.5]], ranked: [[]] }))).toThrow();
  });

  it.each<[fault: string, change: (results: Results) => unknown]>([
    ['a number that JSON reads as infinite', (one) => ({ ...one, seconds: JSON.parse('1e999') as number })],
    ['text that is not a date', (one) => ({ ...one, startedAt: 'yesterday' })],
    ['a round of 300 million', (one) => ({ ...one, spaces: [{ ...space, round: 3e8 }] })],
    ['a space after a round that the order does not have', (one) => ({ ...one, spaces: [{ ...space, round: 3 }] })],
    ['a step that is no whole number', (one) => ({ ...one, breaks: [{ cause: 'restart', step: 1.5, again: null }] })],
    [
      'measures that do not follow from the matrix',
      (one) => ({ ...one, accuracy: { ...one.accuracy, exact: one.accuracy.exact.map((row) => row.map(() => 0)) } }),
    ],
    [
      'measures of a score without its matrix',
      (one) => ({ ...one, measures: { ...one.measures, loss: one.measures.exact } }),
    ],
    [
      'an angle whose cosine is 5',
      (one) => ({
        ...one,
        spaces: [{ ...space, tensors: [{ ...tensor, angles: [{ task: 1, cosines: [5] }] }] }],
      }),
    ],
    ['general text of fewer passages than it says', (one) => withText(one, { losses: [3] })],
    ['general text after a round that the order does not have', (one) => withText(one, { round: 3 })],
    ['general text with an infinite loss', (one) => withText(one, { divergences: new Array(8).fill(Infinity) })],
    ['an empty matrix', (one) => ({ ...one, accuracy: { ...one.accuracy, exact: [] } })],
    [
      'a matrix wider than its tasks',
      (one) => ({ ...one, accuracy: { ...one.accuracy, ranked: one.accuracy.ranked.map((row) => [...row, 0.5]) } }),
    ],
    ['curves of unequal length', (one) => ({ ...one, curves: { ...one.curves, loss: one.curves.loss.slice(1) } })],
    [
      'more directions than dimensions',
      (one) => ({ ...one, spaces: [{ ...space, tensors: [{ ...tensor, total: tensor.dimension + 1 }] }] }),
    ],
    [
      'thousands of tasks',
      (one) => {
        const order = Array.from({ length: MOST_TASKS + 1 }, (_, i) => `task${i}`);
        const matrix = Array.from({ length: order.length + 1 }, () => order.map(() => null));
        const tasks = order.map((name) => ({ ...one.tasks[0], name }));
        const accuracy = { exact: matrix, ranked: matrix };
        return { ...one, settings: { ...one.settings, order }, tasks, accuracy, spaces: [] };
      },
    ],
  ])('refuses %s', (_, change) => {
    expect(v.safeParse(ResultsSchema, change(structuredClone(good))).success).toBe(false);
  });
});
