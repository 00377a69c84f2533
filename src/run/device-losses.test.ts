import { expect, test } from 'vitest';
import { GorpError } from '../base/errors.ts';
import { DeviceLosses, MAX_LOSSES } from './run.ts';

const MINUTE = 60_000;
const LOSS = new GorpError('device/lost', 'The GPU device was lost (reason: unknown).', 'Start again.');

/** Counts losses that are so many minutes apart, by the clock of work and by the date. */
function lose(times: number, { worked, date }: { worked: number; date: number }): void {
  const at = { worked: 0, date: 1.7e12 };
  const losses = new DeviceLosses(
    () => at.worked,
    () => at.date,
  );
  for (let i = 0; i < times; i++) {
    losses.add(LOSS);
    at.worked += worked * MINUTE;
    at.date += date * MINUTE;
  }
}

const isTooMany = expect.objectContaining({
  code: 'device/lost',
  message: expect.stringContaining(`happened ${MAX_LOSSES} times within 10 minutes`) as string,
}) as GorpError;

test('the third loss within ten minutes is one too many', () => {
  expect(() => lose(2, { worked: 1, date: 1 })).not.toThrow();
  expect(() => lose(3, { worked: 4.9, date: 4.9 })).toThrow(isTooMany);
  expect(() => lose(9, { worked: 5, date: 5 })).not.toThrow();
});

test('a machine that works for minutes between nights of sleep may lose its device every time', () => {
  expect(() => lose(30, { worked: 2, date: 8 * 60 })).not.toThrow();
});

test('a date that is set back does not make losses recent', () => {
  expect(() => lose(30, { worked: 6, date: -60 })).not.toThrow();
  expect(() => lose(3, { worked: 1, date: -60 })).toThrow(isTooMany);
});
