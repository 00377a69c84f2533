import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { TryEvent } from '../../worker/try/messages.ts';
import { TOKENIZER_SECONDS } from './session.ts';
import { watchTokenizer } from './playground.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const LIMIT = 1000 * TOKENIZER_SECONDS;
const MODEL = 'org/crafted';

test('a worker whose tokenizer does not come back from a text is ended, and the error names the model', () => {
  const [reported, end] = [vi.fn<(event: TryEvent) => void>(), vi.fn()];
  const { hear } = watchTokenizer(reported, end);
  hear({ type: 'tokenizing', model: MODEL });
  vi.advanceTimersByTime(LIMIT - 1);
  expect(end).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(end).toHaveBeenCalledOnce();
  expect(reported).toHaveBeenCalledExactlyOnceWith({
    type: 'ended',
    error: expect.objectContaining({
      code: 'text/tokenizer-too-slow',
      message: expect.stringContaining(MODEL) as string,
    }) as object,
  });
});

test('a text that is done, a worker that has ended, and everything else take their time', () => {
  const [reported, end] = [vi.fn<(event: TryEvent) => void>(), vi.fn()];
  const { hear, rest } = watchTokenizer(reported, end);
  hear({ type: 'tokenizing', model: MODEL });
  hear({ type: 'tokenized' });
  vi.advanceTimersByTime(2 * LIMIT);
  hear({ type: 'done', isStopped: false });
  vi.advanceTimersByTime(2 * LIMIT);
  hear({ type: 'tokenizing', model: MODEL });
  rest();
  vi.advanceTimersByTime(2 * LIMIT);
  expect(end).not.toHaveBeenCalled();
  expect(reported).toHaveBeenCalledExactlyOnceWith({ type: 'done', isStopped: false });
});

test('a machine that wakes up, where every timer that is due fires once, ends no worker', () => {
  const end = vi.fn();
  watchTokenizer(() => undefined, end).hear({ type: 'tokenizing', model: MODEL });
  expect(vi.getTimerCount()).toBe(1);
  vi.runOnlyPendingTimers();
  expect(end).not.toHaveBeenCalled();
});
