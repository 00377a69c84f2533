import { expect, test } from 'vitest';
import { type RateSchedule, rateCourse, rateFactor } from './schedule.ts';

// get_scheduler of transformers 5.24.0, at a learning rate of 1, with ceil(steps · warmup_ratio) warm-up steps; `constant`
// is its constant_with_warmup.
const REFERENCE: [RateSchedule, steps: number, ratio: number, number[]][] = [
  ['constant', 10, 0.25, [0, 0.3333333333, 0.6666666667, 1, 1, 1, 1, 1, 1, 1]],
  ['constant', 7, 0, [1, 1, 1, 1, 1, 1, 1]],
  ['constant', 5, 0.5, [0, 0.3333333333, 0.6666666667, 1, 1]],
  [
    ...(['linear', 10, 0.25] as const),
    [
      0, 0.3333333333, 0.6666666667, 1, 0.8571428571, 0.7142857143, 0.5714285714, 0.4285714286, 0.2857142857,
      0.1428571429,
    ],
  ],
  ['linear', 7, 0, [1, 0.8571428571, 0.7142857143, 0.5714285714, 0.4285714286, 0.2857142857, 0.1428571429]],
  ['linear', 5, 0.5, [0, 0.3333333333, 0.6666666667, 1, 0.5]],
  [
    ...(['cosine', 10, 0.25] as const),
    [
      0, 0.3333333333, 0.6666666667, 1, 0.950484434, 0.8117449009, 0.611260467, 0.388739533, 0.1882550991,
      0.04951556605,
    ],
  ],
  ['cosine', 7, 0, [1, 0.950484434, 0.8117449009, 0.611260467, 0.388739533, 0.1882550991, 0.04951556605]],
  ['cosine', 5, 0.5, [0, 0.3333333333, 0.6666666667, 1, 0.5]],
];

test.each(REFERENCE)(
  '%s over %i steps, warmed up for %d of them, is that of transformers',
  (schedule, steps, ratio, factors) => {
    const asShare = rateCourse({ lrSchedulerType: schedule, warmupRatio: ratio, warmupSteps: 0 }, steps);
    const inSteps = { lrSchedulerType: schedule, warmupRatio: 0, warmupSteps: Math.ceil(steps * ratio) };
    expect(rateCourse(inSteps, steps), 'the same warm-up in steps').toEqual(asShare);
    // They are printed with ten digits.
    for (const [step, factor] of factors.entries()) expect(rateFactor(asShare, step)).toBeCloseTo(factor, 9);
  },
);

test('without warm-up, a constant rate is exactly itself', () => {
  const course = rateCourse({ lrSchedulerType: 'constant', warmupRatio: 0, warmupSteps: 0 }, 4);
  expect(Array.from({ length: 4 }, (_, step) => rateFactor(course, step))).toEqual([1, 1, 1, 1]);
});
