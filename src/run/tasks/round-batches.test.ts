import { expect, test } from 'vitest';
import { tinySettings } from '../../testing/tiny-run.ts';
import { RoundBatches } from './round-batches.ts';
import { tokensOf } from '../../base/batch.ts';
import { scheduledRounds } from '../settings/schedule.ts';

const train = [
  [2, 1],
  [3, 4, 1],
  [2, 1],
  [5, 1],
  [6, 1],
  [7, 1],
].map((label, i) => ({ source: [10 + i, 1], label }));
const tasks = [{ name: 'gloss', train }];
const [round] = scheduledRounds('in-turn', 1);
const network = { sharesBeginnings: false, tokensIn: tokensOf };
const batchesWith = (hasSeveralAnswers: boolean, examples = tasks): RoundBatches =>
  new RoundBatches(
    tinySettings('gorp-plus', { batchSize: 2 }),
    examples,
    round,
    { begin: 2, end: 3, hasSeveralAnswers },
    network,
  );

test('a sample spreads over the data, in batches of the size of training', () => {
  const [first, second] = batchesWith(false).spaceSample();
  expect(first).toEqual([train[0], train[2]]);
  expect(second).toEqual([train[4]]);
  expect(batchesWith(false).beginSample()).toHaveLength(1);
});

test('prompts of similar length are in one batch, the longest first, so that little is padding where a model pads', () => {
  const mixed = [3, 21, 5, 20].map((length) => ({ source: Array<number>(length).fill(7), label: [2, 1] }));
  const settings = tinySettings('gorp-plus', { batchSize: 2 });
  const samples = { begin: 2, end: 4, hasSeveralAnswers: false };
  const batches = new RoundBatches(settings, [{ name: 'gloss', train: mixed }], round, samples, network);
  const lengths = batches.spaceSample().map((rows) => rows.map(({ source }) => source.length));
  expect(lengths).toEqual([
    [21, 20],
    [5, 3],
  ]);
});

test('each prompt has its own answer first, then those that follow it among the different ones of the task', () => {
  const [first, second] = batchesWith(true).spaceSample();
  expect(first.map(({ source }) => source[0])).toEqual([10, 10, 10, 10, 12, 12, 12, 12]);
  expect(first.map(({ label }) => label[0])).toEqual([2, 3, 5, 6, 2, 3, 5, 6]);
  expect(second.map(({ label }) => label[0])).toEqual([6, 7, 2, 3]);
});

test('a task of one answer, or of long ones, reads each prompt with its own', () => {
  const one = [{ name: 'gloss', train: train.map(({ source }) => ({ source, label: [2, 1] })) }];
  expect(batchesWith(true, one).spaceSample()).toEqual(batchesWith(false, one).spaceSample());
  const long = [{ name: 'gloss', train: train.map((example) => ({ ...example, label: [...Array(9).keys(), 1] })) }];
  expect(batchesWith(true, long).spaceSample()).toEqual(batchesWith(false, long).spaceSample());
});
