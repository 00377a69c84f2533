import { describe, expect, it } from 'vitest';
import { dashPattern } from '../../../charts/chart.ts';
import { METHOD_NAMES } from '../../../methods/registry.ts';
import { quickResults } from '../../../testing/scripted-results.ts';
import { drawnIndices, lineStyles, methodColor } from '../../charts/Figure.tsx';
import {
  accuracyCurve,
  lineNumbers,
  lossCurve,
  meanCurve,
  overlayLines,
  performanceCurve,
  spaceCurve,
  thinnedLine,
} from './curves.ts';
import { groupsOf } from './settings-groups.ts';

const runs = [quickResults('gorp', 1), quickResults('gorp', 2)];
const [run] = runs;

describe('curves of a run', () => {
  it('match its results file', () => {
    expect(lossCurve(run, 0).map(({ y }) => y)).toEqual(run.curves.loss);
    expect(performanceCurve(run, 'exact').map(({ y }) => y)).toEqual(run.measures.exact.averagePerformanceCurve);
    expect(accuracyCurve(run, 'ranked', 'field')?.map(({ y }) => y)).toEqual(run.accuracy.ranked.map((row) => row[1]));
    expect(accuracyCurve(run, 'exact', 'emoji')).toBeNull();
    const [{ tensors }] = run.spaces;
    const held = tensors.reduce((sum, { total, dimension }) => sum + total / dimension, 0) / tensors.length;
    expect(spaceCurve(run)[0]).toEqual({ x: 1, y: held });
  });

  it('leave a gap where a loss is not finite', () => {
    const broken = { curves: { ...run.curves, loss: run.curves.loss.map((loss, i) => (i === 1 ? NaN : loss)) } };
    expect(
      lossCurve(broken, 0.5)
        .map(({ y }) => y === null)
        .indexOf(true),
    ).toBe(1);
  });
});

describe('meanCurve', () => {
  it('computes mean and band where there are values, and counts them', () => {
    const mean = meanCurve(
      [
        [
          { x: 1, y: 1 },
          { x: 2, y: 2 },
        ],
        [
          { x: 1, y: 3 },
          { x: 2, y: null },
        ],
      ],
      'deviation',
    );
    expect(mean).toEqual([
      { x: 1, y: 2, low: 2 - Math.SQRT2, high: 2 + Math.SQRT2, runs: 2 },
      { x: 2, y: 2, low: null, high: null, runs: 1 },
    ]);
  });
});

describe('overlayLines', () => {
  it('draws one line per run or per setting, and none for a run without the curve', () => {
    const groups = groupsOf([...runs, quickResults('seq-lora', 1)]);
    const each = overlayLines(groups, { by: 'run', band: 'deviation' }, spaceCurve);
    expect(each.map(({ name, color, dash }) => [name, color, dash])).toEqual([
      ['gorp, seed 1', methodColor('gorp'), 0],
      ['gorp, seed 2', methodColor('gorp'), 1],
    ]);
    const mean = overlayLines(groups, { by: 'setting', band: 'deviation' }, (one) => lossCurve(one, 0));
    expect(mean.map(({ name }) => name)).toEqual(['gorp, mean of 2', 'seq-lora, seed 1']);
    expect(mean[0].points[0].y).toBe((runs[0].curves.loss[0] + runs[1].curves.loss[0]) / 2);
    const numbers = lineNumbers(mean, 'step', 'loss');
    expect(numbers.columns).toEqual(['line', 'step', 'loss', 'low', 'high', 'runs']);
    expect(numbers.rows).toHaveLength(2 * run.curves.step.length);
  });

  it('takes the mean over the orders of a seed first, since such runs are not independent', () => {
    const on = (seed: number, order: readonly string[], ap: number) => {
      const one = quickResults('gorp', seed);
      one.settings = { ...one.settings, order: [...order] };
      return { ...one, accuracy: { ...one.accuracy, exact: [[0], [ap]] } };
    };
    const orders = [
      ['gloss', 'field'],
      ['field', 'gloss'],
    ];
    const all = [on(1, orders[0], 0.25), on(1, orders[1], 0.5), on(2, orders[0], 0.875)];
    expect(groupsOf(all)).toHaveLength(2);
    const groups = groupsOf(all, true);
    expect(groups.map(({ name, runs }) => [name, runs.length])).toEqual([['gorp', 3]]);
    const [line] = overlayLines(groups, { by: 'orders', band: 'deviation' }, ({ accuracy }) => [
      { x: 1, y: accuracy.exact[1][0] ?? null },
    ]);
    expect(line.points[0]).toMatchObject({ y: (0.375 + 0.875) / 2, runs: 2 });
    // Another task is another setting.
    expect(groupsOf([...all, on(1, ['gloss', 'emoji'], 0.5)], true)).toHaveLength(2);
  });

  it('never draws two lines alike, and a method always in its colour', () => {
    const many = [...METHOD_NAMES, ...METHOD_NAMES, ...METHOD_NAMES];
    const looks = lineStyles(many).map(({ color, dash }) => `${color} ${dashPattern(dash) ?? ''}`);
    expect(new Set(looks).size).toBe(many.length);
    expect(lineStyles(['seq-lora', 'gorp-plus'])[0].color).toBe(lineStyles(['gorp-plus', 'seq-lora'])[1].color);
  });

  it('breaks between tasks, for a run and for a mean of several', () => {
    const points = [1, 1, 2, 2].map((round, i) => ({ x: i + 1, y: 5 - i, round }));
    const mean = meanCurve([points, points], 'deviation');
    for (const curve of [points, mean]) {
      const drawn = thinnedLine({ name: '', color: '', points: curve }).points;
      expect(drawn.map(({ x, y }) => [x, y])).toEqual([
        [1, 5],
        [2, 4],
        [2.5, null],
        [3, 3],
        [4, 2],
      ]);
    }
  });

  it('smooths over all steps before thinning them', () => {
    const loss = Array.from({ length: 5000 }, (_, i) => 1 + Math.sin(i * 12.9898) / 2);
    const long = { curves: { ...run.curves, loss, step: loss.map((_, i) => i + 1), round: loss.map(() => 1) } };
    const points = lossCurve(long, 0.9);
    const drawn = thinnedLine({ name: '', color: '', points });
    expect(drawn.points.length).toBeLessThanOrEqual(1200);
    const chosen = drawnIndices(
      points.map(({ y }) => y),
      1200,
    );
    expect(drawn.points).toEqual(chosen.map((i) => points[i]));
  });
});
