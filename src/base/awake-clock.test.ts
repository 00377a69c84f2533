import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { awakeClock, TICK_MS } from './awake-clock.ts';

const HOUR = 3_600_000;

let slept = 0;
beforeEach(() => {
  slept = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

const open = (): (() => number) =>
  awakeClock(
    () => performance.now() + slept,
    (read) => setInterval(read, TICK_MS),
  );

test('counts work, however long nobody asks for the time', () => {
  const now = open();
  const begun = now();
  vi.advanceTimersByTime(3 * HOUR);
  expect(now() - begun).toBe(3 * HOUR);
});

test('does not count the time in which the machine sleeps, whoever reads it first afterwards', () => {
  const now = open();
  const begun = now();
  vi.advanceTimersByTime(HOUR);
  slept += 8 * HOUR;
  expect(now() - begun).toBe(HOUR);
  vi.advanceTimersByTime(HOUR);
  slept += 8 * HOUR;
  vi.advanceTimersByTime(TICK_MS); // the clock itself
  vi.advanceTimersByTime(HOUR);
  expect(now() - begun).toBeGreaterThanOrEqual(3 * HOUR);
  expect(now() - begun).toBeLessThanOrEqual(3 * HOUR + TICK_MS);
});

test('counts a thread that was held up for minutes', () => {
  const now = open();
  const begun = now();
  slept += 4 * 60_000;
  expect(now() - begun).toBe(4 * 60_000);
});
