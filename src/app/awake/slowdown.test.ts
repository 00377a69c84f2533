import { expect, test } from 'vitest';
import { SlowdownWatch } from './slowdown.ts';

/** Reports steps at a pace. @returns what the last report found, and the time after it. */
function train(watch: SlowdownWatch, from: number, reports: number, everyMs: number): [number | null, number] {
  let found: number | null = null;
  for (let i = 1; i <= reports; i++) found = watch.report(2, from + i * everyMs);
  return [found, from + reports * everyMs];
}

test('a hidden tab that trains on as before is not slowed', () => {
  const watch = new SlowdownWatch();
  let [found, now] = train(watch, 0, 10, 250);
  expect(found).toBeNull();
  watch.hide(true);
  [found, now] = train(watch, now, 100, 300);
  expect(found).toBeNull();
  watch.hide(false);
  expect(train(watch, now, 5, 250)[0]).toBeNull();
});

test('steps that take many times as long while hidden are told, after some seconds of them', () => {
  const watch = new SlowdownWatch();
  let [found, now] = train(watch, 0, 10, 250);
  watch.hide(true);
  [found, now] = train(watch, now, 5, 1000);
  expect(found, 'too soon to judge').toBeNull();
  [found, now] = train(watch, now, 10, 1000);
  expect(found).toBeCloseTo(4, 1);
});

test('what passes between rounds, and a pause, counts for nothing', () => {
  const watch = new SlowdownWatch();
  let [, now] = train(watch, 0, 10, 250);
  watch.hide(true);
  [, now] = train(watch, now, 10, 250);
  watch.rest();
  expect(watch.report(2, now + 60_000)).toBeNull();
  watch.startRound();
  expect(train(watch, now + 60_000, 50, 2000)[0], 'nothing is known of the round in sight').toBeNull();
});
