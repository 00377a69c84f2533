import { expect, it } from 'vitest';
import type { ModelOfRun } from '../../../worker/protocol.ts';
import { overBudget } from './RunModels.tsx';

const GIB = 2 ** 30;
const model = (savedAt: number, gib: number, isShown = false): ModelOfRun => ({
  folder: String(savedAt),
  bytes: gib * GIB,
  savedAt,
  isShown,
  run: null,
  round: 1,
  settings: null,
});
const offered = (models: ModelOfRun[], gib: number): string[] => overBudget(models, gib).map(({ folder }) => folder);

it('offers the oldest models, as few as make the others fit, and never the one in use', () => {
  const models = [model(4, 1), model(3, 1), model(2, 1), model(1, 1, true)];
  expect(offered(models, 4)).toEqual([]);
  expect(offered(models, 3.5)).toEqual(['2']);
  expect(offered(models, 2)).toEqual(['2', '3']);
  expect(offered([model(1, 9, true)], 1), 'a budget smaller than one model').toEqual([]);
});
