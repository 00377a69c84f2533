import { expect, test } from 'vitest';
import { positionAt, type DataPosition } from '../files/layout.ts';
import { scheduledRounds } from '../settings/schedule.ts';
import { type PlannedRun, workLeft } from './work-left.ts';

const each = (...operations: number[]) => operations.map((one) => ({ operations: one, kernels: 0 }));
const run: PlannedRun = {
  before: [0, 1, 2],
  rounds: scheduledRounds('in-turn', 3),
  costs: {
    steps: each(10, 20, 30),
    tests: each(1, 2, 3),
    begins: each(0, 5, 6),
    ends: each(7, 8, 9),
    validations: each(0, 0, 0),
    questions: { operations: 40, kernels: 0 },
    generalText: { operations: 50, kernels: 0 },
  },
  steps: [4, 4, 4],
  validationSteps: 3,
  examples: [100, 100, 100],
  stateBytes: 1000,
};
/** A finished test of a task. */
const tested = (task: number): DataPosition['tests'][number] => ({ task, batches: 1, seconds: 1, answers: [] });

test('a run begins with all its tests, beginnings, steps, ends and states', () => {
  expect(workLeft(positionAt(0, 'begin'), run)).toEqual({
    test: 600 + 300 + 600 + 600, // all tasks, then after each round those learned and the next
    ask: 4 * 40, // before training and after each round
    text: 150, // after each round: what comes before is measured already
    begin: 11,
    train: 4 * 60,
    validate: 0,
    end: 24,
    save: 3000,
  });
});

test('with fewer tests, only those are left', () => {
  const few = { ...run, before: [], rounds: scheduledRounds('in-turn', 3, 'ends') };
  expect(workLeft(positionAt(0, 'begin'), few).test).toBe(100 + 200 + 600);
  expect(workLeft({ ...positionAt(0, 'begin') }, { ...few, before: [2] }).test).toBe(300 + 100 + 200 + 600);
});

test('within a round its last steps, its end and its tests are left', () => {
  expect(workLeft({ ...positionAt(2, 'learn'), steps: 3 }, run)).toEqual({
    test: 600 + 600,
    ask: 80,
    text: 100,
    begin: 6,
    train: 20 + 120,
    validate: 0,
    end: 17,
    save: 2000,
  });
});

test('after its training the tests not yet made are left', () => {
  const place: DataPosition = { ...positionAt(2, 'learn'), phase: 'test', steps: 4, tests: [tested(0), tested(1)] };
  expect(workLeft(place, run)).toEqual({
    test: 300 + 600,
    ask: 80,
    text: 100,
    begin: 6,
    train: 120,
    validate: 0,
    end: 9,
    save: 2000,
  });
});

test('after a saved round the next begins', () => {
  expect(workLeft(positionAt(2, 'begin'), run)).toEqual({
    test: 600,
    ask: 40,
    text: 50,
    begin: 6,
    train: 120,
    validate: 0,
    end: 9,
    save: 1000,
  });
});

test('a mixed round is one', () => {
  const left = workLeft(positionAt(0, 'begin'), { ...run, rounds: scheduledRounds('mixed', 3), steps: [0, 0, 12] });
  expect(left).toMatchObject({ test: 1200, train: 360, save: 1000 });
});

test('held-out examples are measured every third step and at the end of a round', () => {
  const held = { ...run, costs: { ...run.costs, validations: each(1, 100, 1000) } };
  expect(workLeft(positionAt(0, 'begin'), held).validate).toBe(2 * 1101);
  expect(workLeft({ ...positionAt(2, 'learn'), steps: 3 }, held).validate).toBe(100 + 2000);
  expect(workLeft({ ...positionAt(2, 'learn'), steps: 2 }, held).validate).toBe(200 + 2000);
  expect(workLeft({ ...positionAt(2, 'learn'), phase: 'test', steps: 4 }, held).validate).toBe(2000);
});
