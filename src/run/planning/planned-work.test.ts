import { expect, test } from 'vitest';
import { tinySettings } from '../../testing/tiny-run.ts';
import { labelTokensOf, textOf } from '../../base/batch.ts';
import { tokensRead } from '../../models/token-list.ts';
import { packedRounds, workAhead, workOf } from './planned-work.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';

const example = (source: number, label: number) => ({
  source: new Array<number>(source).fill(3),
  label: new Array<number>(label).fill(4),
});
const task = (lengths: number[], test: number, candidates: number[]): EncodedTask => ({
  name: 'gloss',
  kind: 'TC',
  form: 'labels',
  watched: false,
  vocabulary: 10,
  labels: candidates.map(String),
  validation: [],
  protects: [],
  train: lengths.map((length) => example(length, 2)),
  test: [example(test, 1)],
  asked: [{ sentence: '', label: '0' }],
  definition: { name: 'gloss', kind: 'TC', instruction: null, labels: [] },
  texts: '',
  longestAnswer: Math.max(2, ...candidates),
  candidates: candidates.map((length) => new Array<number>(length).fill(5)),
});

test('the work of tasks follows from their longest texts; equal tests count once', () => {
  const settings = tinySettings('gorp', { sourceLength: 40, batchSize: 8, evaluationBatchSize: 4 });
  const tasks = [task([5, 17], 10, [2, 3]), task([39], 10, [3, 1]), task([1], 33, [2])];
  expect(workOf(settings, tasks, false)).toEqual({
    tasks: 3,
    batch: { B: 2, S: 39, T: 2, shared: 0, tokens: 40, sources: 39, labels: 4 },
    shapes: settings.training.epochs,
    validation: null,
    protects: [],
    generalText: null,
    freeTests: [],
    answer: 3,
    tests: [
      { B: 1, tokens: 10, nodes: 3, choices: 3, runs: 1, pool: { B: 1, S: 10, shared: 0 } },
      { B: 1, tokens: 33, nodes: 2, choices: 2, runs: 1, pool: { B: 1, S: 33, shared: 0 } },
    ],
  });
  const mixed = tinySettings('mtl', { sourceLength: 40, batchSize: 8 });
  expect(workOf(mixed, tasks, false)).toMatchObject({ tasks: 1, batch: { B: 4 } });
});

test('answers that the model writes to replay them are planned, as long as they may be', () => {
  const tasks = [task([5, 17], 10, [2, 3]), task([9, 9, 9], 10, [3, 1])];
  const of = (replaySource: 'general' | 'self', replayed: EncodedTask['train'] = []) =>
    workOf(tinySettings('er', { batchSize: 4 }, { replaySource, replayMemory: 0.5 }), tasks, false, { replayed });
  const general = of('general', [example(30, 0), example(20, 0)]);
  expect(general.batch).toMatchObject({ S: 30, T: 48, labels: 48 + 48 + 2 });
  expect(general.ownAnswers).toMatchObject([{ longest: 30, read: 50, written: 96, answer: 48 }]);
  const self = of('self');
  expect(self.batch).toMatchObject({ S: 17, T: 3, labels: 3 * 3 });
  expect(self.ownAnswers).toMatchObject([
    { longest: 17, read: 11, written: 3, answer: 3 },
    { longest: 9, read: 13.5, written: 4.5, answer: 3 },
  ]);
});

test('batches packed by tokens are planned as they are drawn, and one without room for an example is refused', () => {
  const network = {
    readsAnswersApart: false,
    sharesBeginnings: true,
    byPrompt: false,
    embeddingWidth: 8,
    tokensIn: (rows: readonly ReturnType<typeof example>[]) =>
      Math.max(tokensRead(rows.map(textOf), true), labelTokensOf(rows)),
  };
  const own = (first: number, source: number) => ({
    ...example(source, 2),
    source: [first, ...example(source - 1, 0).source],
  });
  const [gloss, field] = [task([], 10, [2]), task([], 10, [2])];
  const tasks = [
    { ...gloss, train: Array.from({ length: 9 }, (_, i) => own(10 + i, 4 + i)) }, // share nothing: 5 to 13 tokens
    { ...field, name: 'field', train: Array.from({ length: 40 }, () => own(10, 12)) }, // all equal, with 2 labels each
  ];
  const packing = (training: object) =>
    packedRounds(tinySettings('gorp', { batchTokens: 20, epochs: 2, ...training }), tasks, network);
  expect(packing({ batchTokens: 0 })).toBeUndefined();
  const packed = packing({});
  expect(packed?.steps[1]).toBe(2 * (80 / 20)); // whose labels fill batches
  expect(packed?.steps[0]).toBeGreaterThanOrEqual(2 * Math.ceil(81 / 20));
  expect(packed?.largest).toMatchObject({ B: 10, S: 12, T: 2, tokens: 20, labels: 20 });
  expect(packing({ gradientAccumulation: 100 })?.steps).toEqual([2, 2]);
  expect(workOf(tinySettings('gorp'), tasks, true, { packed })).toMatchObject({
    packed: packed?.largest,
    batch: { B: 2 },
  });
  expect(() => packing({ batchTokens: 12 })).toThrow(
    expect.objectContaining({
      code: 'settings/batch-tokens',
      message: 'An example of gloss has 13 tokens with its answer, more than the 12 of a batch.',
      nextStep: expect.stringContaining('at least 13') as string,
    }),
  );
  const ahead = (batchTokens: number) =>
    workAhead(tinySettings('gorp', { batchTokens, sourceLength: 40 }), [['yes']]).packed?.B;
  expect([ahead(0), ahead(20), ahead(100)]).toEqual([undefined, 1, 2]);
});

test('held-out examples are planned in batches of their own', () => {
  const settings = tinySettings('gorp', { sourceLength: 40, batchSize: 8, evaluationBatchSize: 6 });
  const held = [20, 21, 22, 23, 24, 25, 26].map((length) => example(length, 3));
  const { batch, validation } = workOf(settings, [{ ...task([5, 6], 10, [2]), validation: held }], false);
  expect([batch, validation]).toEqual([
    { B: 2, S: 6, T: 2, shared: 0, tokens: 13, sources: 11, labels: 4 },
    { B: 6, S: 26, T: 3, shared: 19, tokens: 58, sources: 141, labels: 18 }, // 153 tokens, five times 19 of them again
  ]);
  const ahead = workAhead({ ...settings, training: { ...settings.training, validationExamples: 0.1 } }, [
    ['yes', 'no'],
  ]);
  expect(ahead.validation).toEqual({ ...ahead.batch, B: 6 });
});

test('before examples are read, what is protected has batches of full length', () => {
  const settings = tinySettings('gorp-plus', { sourceLength: 40, batchSize: 8 }, { protects: 'general' });
  const ahead = workAhead(settings, [['yes', 'no']]);
  expect(ahead.protects).toEqual([ahead.batch]);
  expect(workAhead(tinySettings('gorp-plus'), [['yes', 'no']]).protects).toEqual([]);
});

test('before tasks are read, texts have full length, and labels are counted by their letters', () => {
  const settings = tinySettings('gorp', { sourceLength: 40, targetLength: 5, batchSize: 8, evaluationBatchSize: 4 });
  expect(workAhead(settings, [['yes', 'no'], []])).toEqual({
    tasks: 2,
    batch: { B: 8, S: 40, T: 5, shared: 0 },
    shapes: Infinity,
    validation: null,
    protects: [],
    generalText: null,
    freeTests: [],
    answer: 5,
    tests: [
      { B: 4, tokens: 160, nodes: 12, choices: 16, runs: 12, pool: { B: 4, S: 40, shared: 0 } },
      { B: 4, tokens: 160, nodes: 228, choices: 280, runs: 228, pool: { B: 4, S: 40, shared: 0 } },
    ],
  });
});

test('a test is planned by its largest batch, and what all its prompts begin with is read once', () => {
  const settings = tinySettings('gorp', { sourceLength: 400, batchSize: 8, evaluationBatchSize: 4 });
  const tasks = [{ ...task([5], 1, [2]), test: [400, 100, 100, 100, 100, 20].map((n) => example(n, 1)) }];
  const testsOf = (shares: boolean) =>
    workOf(settings, tasks, shares).tests.map(({ B, tokens, pool }) => ({ B, tokens, pool }));
  // Two batches of three.
  expect(testsOf(false)).toEqual([{ B: 3, tokens: 608, pool: { B: 4, S: 400, shared: 0 } }]);
  // All tokens are equal, so the first batch reads its longest prompt; the shortest of all retains one token.
  expect(testsOf(true)).toEqual([{ B: 3, tokens: 400, pool: { B: 4, S: 381, shared: 19 } }]);
});
