import { describe, expect, test } from 'vitest';
import { amountOf } from '../settings/amount.ts';
import { type Effort, roughly, secondsFor, tasksAhead, workOfRun } from './duration.ts';
import { embeddedSettings, publishedSettings } from './presets.ts';
import { needsOf } from '../../gorp/part/method-plan.ts';
import { planOf, withValues } from '../../methods/registry.ts';
import { GENERAL_PROMPTS } from '../../tasks/general-prompts.ts';
import { PUBLISHED_ORDERS } from '../../tasks/orders.ts';

const quick = embeddedSettings('quick', 'gorp');
const answers = { nodes: 5, answerTokens: 4 };
const task = (name: string, train: number, test: number, promptTokens = 96) => ({
  name,
  train,
  test,
  heldOut: 0,
  protects: 0,
  promptTokens,
  shared: 0,
  ...answers,
});
const labels = {
  read: { operations: 1, kernels: 0.01 },
  rank: { operations: 2, kernels: 0.1 },
  write: { operations: 3, kernels: 0.2 },
};
const effort: Effort = {
  step: { operations: 1000, kernels: 10 },
  tests: { labels, free: null },
  space: null,
  single: null,
  validation: null,
  generalText: null,
  tokensOfStep: 480,
  tokensOfRow: 96,
  sharesBeginnings: false,
};

describe('the amount of a run', () => {
  const tasks = [task('a', 20, 5), task('b', 7, 3)];
  const settings = (method: 'gorp' | 'mtl' | 'per-task') => ({
    ...embeddedSettings('quick', method),
    training: { ...quick.training, batchSize: 8, epochs: 2, gradientAccumulation: 2 },
    perTask: { b: { epochs: 3 } },
  });

  test('follows from batches, accumulation, epochs of each task and the schedule', () => {
    expect(amountOf(settings('gorp'), tasks)).toEqual({ steps: [4, 3], tests: [8, 8, 8] });
    expect(amountOf(settings('mtl'), tasks)).toEqual({ steps: [0, 4], tests: [8, 0, 8] });
    expect(amountOf(settings('per-task'), tasks)).toEqual({ steps: [4, 3], tests: [8, 5, 3] });
    expect(amountOf(settings('gorp'), tasks, [9, 8]).steps).toEqual([9, 8]); // as they were drawn
  });
});

test('batches packed by tokens hold as many examples as fit, and what these begin with once', () => {
  const training = { ...quick.training, batchTokens: 480, epochs: 1 };
  const tasks = [{ ...task('a', 20, 0, 84), shared: 36 }];
  const of = (sharesBeginnings: boolean): number =>
    workOfRun({ ...quick, order: ['a'], training }, tasks, { ...effort, sharesBeginnings }).operations;
  expect(of(false)).toBeCloseTo(4 * 1000, 6); // 96 tokens each, 5 to a batch
  expect(of(true)).toBeCloseTo(3 * 1000, 6); // 36 once, and 60 of each: 7.4 to a batch
});

test('the work of a run is the sum of its steps and tests, by the length of their texts', () => {
  const settings = { ...quick, training: { ...quick.training, batchSize: 10, epochs: 1 } };
  // One step and two, half as long in the second task but for 12 tokens of padding; 2 tests before and after each round.
  const work = workOfRun(settings, [task('a', 10, 1), task('b', 20, 1, 48)], effort);
  const [a, b] = [96, 48].map((tokens) => tokens * 1 + 5 * 2 + 2 * 3); // half of 4 tokens are written
  expect(work.operations).toBeCloseTo(1000 + 2 * 1000 * ((48 + 12) / 96) + 3 * (a + b), 6);
  expect(work.kernels).toBeCloseTo(3 * 10 + 3 * (0.96 + 0.48 + 2 * 0.5 + 2 * 0.4), 6);
  const speed = { operationsPerSecond: 100, secondsPerKernel: 0.5 };
  expect(secondsFor({ operations: 200, kernels: 4 }, speed)).toBeCloseTo(1.6 * 2 + 2, 6);
  expect(secondsFor({ operations: 200, kernels: 4 }, speed, 1.5)).toBeCloseTo(1.5 * (1.6 * 2 + 2), 6);
});

test('a test reads what all its prompts begin with once, if the model can', () => {
  const settings = { ...quick, training: { ...quick.training, batchSize: 10, epochs: 1 } };
  const tasks = [{ ...task('a', 0, 2, 50), shared: 30 }];
  const of = (sharesBeginnings: boolean): number =>
    workOfRun({ ...settings, order: ['a'] }, tasks, { ...effort, sharesBeginnings }).operations;
  expect(of(false) - of(true)).toBeCloseTo(2 * 2 * 30, 6);
});

test('a test of free answers reads prompts once, then scores right answers and writes others', () => {
  const free = { ...labels, rank: { operations: 5, kernels: 0 } };
  const settings = { ...quick, training: { ...quick.training, batchSize: 10, epochs: 1 } };
  const tasks = [{ ...task('a', 0, 1, 10), nodes: 0, answerTokens: 7 }];
  const work = workOfRun({ ...settings, order: ['a'] }, tasks, { ...effort, tests: { labels: null, free } });
  expect(work.operations).toBeCloseTo(2 * (10 + 7 * 5 + 7 * 3), 6);
});

test('the work of a run counts what its spaces of inputs read and build', () => {
  const settings = { ...embeddedSettings('quick', 'gorp-plus') };
  const training = { ...settings.training, batchSize: 8, epochs: 1 };
  const tasks = [task('a', 64, 0), task('b', 24, 0)];
  const of = (space: Effort['space']) => workOfRun({ ...settings, training }, tasks, { ...effort, space });
  const space = {
    samples: { begin: 16, end: 48, hasSeveralAnswers: false },
    read: { operations: 100, kernels: 3 },
    build: { operations: 7, kernels: 5 },
  };
  // 48 prompts of the first task; all 24 of the second, and 16 at its beginning.
  const batches = 6 + 3 + 2;
  expect(of(space).operations - of(null).operations).toBeCloseTo(batches * 100 + 2 * 7, 6);
  expect(of(space).kernels - of(null).kernels).toBe(batches * 3 + 2 * 5);
  // Before the first task, as many examples as there are general prompts are read, half as long as the 96 tokens of a
  // row, then 16 of the task itself.
  const read = Math.ceil(GENERAL_PROMPTS.train.length / 8);
  const method = withValues(settings.method, { protects: 'general' });
  const guarded = workOfRun({ ...settings, method, training }, [...tasks, { ...task('c', 0, 0), protects: 40 }], {
    ...effort,
    space,
  });
  expect(guarded.operations - of(space).operations).toBeCloseTo((read / 2 + 2) * 100 + 7, 6);
});

test('a method that designs adapters from inputs reads them at the beginning of every task, the first too', () => {
  const settings = embeddedSettings('quick', 'inf-lora');
  const training = { ...settings.training, batchSize: 8, epochs: 1 };
  const tasks = [task('a', 64, 0), task('b', 24, 0)];
  const of = (space: Effort['space']) => workOfRun({ ...settings, training }, tasks, { ...effort, space }).operations;
  const samples = { begin: 48, end: 48, hasSeveralAnswers: false };
  const space = { samples, read: { operations: 100, kernels: 3 }, build: { operations: 7, kernels: 5 } };
  expect(of(space) - of(null)).toBeCloseTo(2 * (6 + 3) * 100 + 2 * 7, 6);
});

test('the work of a run counts the passes over single examples for importances', () => {
  const settings = embeddedSettings('quick', 'ewc');
  const training = { ...settings.training, batchSize: 8, epochs: 1 };
  const examples = needsOf(planOf(settings.method)).singles ?? 0;
  expect(examples).toBeGreaterThan(24);
  const tasks = [task('a', 1000, 0), task('b', 24, 0)];
  const of = (single: Effort['single']) => workOfRun({ ...settings, training }, tasks, { ...effort, single });
  const [more, less] = [of({ operations: 10, kernels: 2 }), of(null)];
  expect(more.operations - less.operations).toBeCloseTo((examples + 24) * 10, 6);
  expect(more.kernels - less.kernels).toBe((examples + 24) * 2);
});

test('the work of a run counts how often it measures held-out examples', () => {
  const training = { ...quick.training, batchSize: 8, epochs: 2, validationExamples: 4, validationSteps: 3 };
  const tasks = [
    { ...task('a', 16, 0, 10), heldOut: 4 },
    { ...task('b', 24, 0, 20), heldOut: 2 },
  ];
  const of = (method: 'gorp' | 'mtl', validation: Effort['validation']): number =>
    workOfRun({ ...embeddedSettings('quick', method), training }, tasks, { ...effort, validation }).operations;
  const read = { operations: 5, kernels: 0 };
  // 4 steps, after 3 and 4; and 6 steps, after 3 and 6. Answers have 4 tokens.
  expect(of('gorp', read) - of('gorp', null)).toBeCloseTo(2 * 4 * (10 + 4) * 5 + 2 * 2 * (20 + 4) * 5, 6);
  // One round of 10 steps on both: after 3, 6, 9 and 10.
  expect(of('mtl', read) - of('mtl', null)).toBeCloseTo(4 * (4 * (10 + 4) + 2 * (20 + 4)) * 5, 6);
});

test('unread tasks have the requested number of examples, or all if they have fewer', () => {
  const many = {
    ...quick,
    order: ['gloss', 'people'],
    training: { ...quick.training, trainExamples: 900, testExamples: 0 },
  };
  expect(tasksAhead(many, new Map(), [[], []])?.map(({ train, test }) => [train, test])).toEqual([
    [900, 238],
    [571, 150],
  ]);
  const shared = { ...many, training: { ...many.training, trainExamples: 500, validationExamples: 0.25 } };
  expect(tasksAhead(shared, new Map(), [[], []])?.map(({ train, heldOut }) => [train, heldOut])).toEqual([
    [500, 125],
    [446, 125],
  ]);
  const own = { ...quick, order: ['mine'] };
  expect(tasksAhead(own, new Map(), [[]])).toBeNull();
  const known = new Map([['mine', { train: 30, test: 9 }]]);
  expect(tasksAhead(own, known, [['yes', 'no']])?.[0]).toMatchObject({ train: 30, test: 9, nodes: 3, answerTokens: 2 });
  // The texts as they were counted, in place of what is usual.
  const of = (mean: number, question: number): unknown =>
    tasksAhead(own, known, [['yes', 'no']], [{ name: 'mine', mean, question }])?.[0];
  expect(of(50, 44)).toMatchObject({ promptTokens: 50, shared: 44 });
  expect(of(32, 44), 'of prompts too short for their question').toMatchObject({ promptTokens: 32, shared: 32 });
  for (const order of PUBLISHED_ORDERS) {
    const settings = { model: 'a/b', tasks: 'picked', ...publishedSettings(order, 'gorp') };
    const tasks = tasksAhead(
      settings,
      new Map(),
      settings.order.map(() => []),
    );
    // How many examples TRACE has is known once its folder is read.
    expect(tasks?.length ?? null, order.rounds[0].dataset).toBe(order.family === 'trace' ? null : order.rounds.length);
  }
});

test.each([
  [0.2, 'about 1 s'],
  [8.4, 'about 8 s'],
  [42, 'about 40 s'],
  [100, 'about 2 min'],
  [20 * 60, 'about 20 min'],
  [3 * 3600, 'about 3 h'],
  [9 * 86_400, 'about 9 days'],
])('%d s is %s', (seconds, text) => {
  expect(roughly(seconds)).toBe(text);
});
