import { expect, test } from 'vitest';
import { tinySettings } from '../../testing/tiny-run.ts';
import { positionAt } from '../files/layout.ts';
import type { Effort } from '../planning/duration.ts';
import type { PlannedTask } from '../settings/amount.ts';
import { RunTime } from './run-time.ts';

const nothing = { operations: 0, kernels: 0 };
/** Of a run that takes no time but for its questions. */
const effort: Effort = {
  step: nothing,
  tests: { labels: null, free: null },
  space: null,
  single: null,
  validation: null,
  questions: { operations: 100, kernels: 0 },
  generalText: null,
  tokensOfStep: 1,
  tokensOfRow: 1,
  sharesBeginnings: false,
};

test('after a round, only what was right before training is asked, at the pace of all questions', () => {
  const settings = tinySettings('seq-lora');
  const tasks = settings.order.map((name): PlannedTask => {
    const counts = { train: 8, test: 8, heldOut: 0, protects: 0 };
    return { name, ...counts, promptTokens: 8, shared: 0, nodes: 4, answerTokens: 2 };
  });
  const start = { at: positionAt(0, 'begin'), learned: [], effort, packed: undefined, stateBytes: 0 };
  const time = new RunTime({ seconds: 0 }, settings, tasks, start);
  for (const share of [0.5, 0.5]) time.did('ask', 0, share, 30);
  expect(time.timeLeft?.seconds).toBeCloseTo(2 * 60, 9);
  time.asks(0.25);
  expect(time.timeLeft?.seconds).toBeCloseTo(2 * 15, 9);
  time.did('ask', 1, 1, 15);
  expect(time.timeLeft?.seconds).toBeCloseTo(15, 9);
  time.asks(0);
  expect(time.timeLeft?.seconds).toBe(0);
});
