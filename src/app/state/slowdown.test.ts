import { expect, test } from 'vitest';
import { SlowdownWatch } from './awake.ts';

/** Reports steps at a steady pace. @returns what the last report found, and the time after it. */
function train(watch: SlowdownWatch, from: number, reports: number, everyMs: number): [number | null, number] {
  let found: number | null = null;
  for (let i = 1; i <= reports; i++) found = watch.report(2, from + i * everyMs);
  return [found, from + reports * everyMs];
}

test('reports nothing for a hidden tab that trains as fast as before', () => {
  const watch = new SlowdownWatch();
  let [found, now] = train(watch, 0, 10, 250);
  expect(found).toBeNull();
  watch.hide(true);
  [found, now] = train(watch, now, 100, 300);
  expect(found).toBeNull();
  watch.hide(false);
  expect(train(watch, now, 5, 250)[0]).toBeNull();
});

test('reports steps that take many times as long while hidden, after a few seconds of them', () => {
  const watch = new SlowdownWatch();
  let [found, now] = train(watch, 0, 10, 250);
  watch.hide(true);
  [found, now] = train(watch, now, 5, 1000);
  expect(found, 'too soon to judge').toBeNull();
  [found, now] = train(watch, now, 10, 1000);
  expect(found).toBeCloseTo(4, 1);
});

test('ignores pauses and the time between rounds', () => {
  const watch = new SlowdownWatch();
  let [, now] = train(watch, 0, 10, 250);
  watch.hide(true);
  [, now] = train(watch, now, 10, 250);
  watch.rest();
  expect(watch.report(2, now + 60_000)).toBeNull();
  watch.startRound();
  expect(train(watch, now + 60_000, 50, 2000)[0], 'no step of this round was timed while visible').toBeNull();
});
