import { expect, test } from 'vitest';
import { partOf, weightIn } from '../gorp/part/method-plan.ts';
import { publishedSettings } from '../run/planning/presets.ts';
import { PUBLISHED_ORDERS } from '../tasks/orders.ts';
import { methodPreset, planOf } from './registry.ts';

test('penalties are the same in every task, or those released for each task of order 6', () => {
  const weights = (settings: Parameters<typeof planOf>[0], task: number): number[] =>
    partOf(planOf(settings), 'penalties')?.terms.map((term) => weightIn(term, task)) ?? [];
  const constant = { ...methodPreset('o-lora'), normPenalty: 0.2 };
  expect([1, 10, 20].map((task) => weights(constant, task))).toEqual([1, 2, 3].map(() => [0.5, 0.2]));
  const [order] = PUBLISHED_ORDERS.filter(({ family, order: number }) => family === 't5' && number === 6);
  const { order: tasks, method } = publishedSettings(order, 'o-lora');
  const found = Object.fromEntries(tasks.map((task, i) => [task, weights(method, i + 1)]));
  // scripts/long.sh of the released code.
  expect(found).toMatchObject({ amazon: [0.5, 0], COPA: [0.5, 0.1], RTE: [0.5, 0.3], dbpedia: [5, 0], WiC: [5, 0.3] });
  expect(weights(method, 99)).toEqual(found.WiC);
});
