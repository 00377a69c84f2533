import { expect, test } from 'vitest';
import { GorpError } from '../base/errors.ts';
import type { Bench } from './bench.ts';
import { CUT_OFF, type Limit, measureParts, omit, type Part, TIME_OVER } from './benchmark-parts.ts';
import type { Outcome } from './report.ts';

const part = (name: string, run: Part['run']): Part => ({ name, run });
const found = { numbers: { ms: 1 }, headline: '1 ms', text: 'text' };

/** The outcomes of parts, on a clock that only they move. */
async function outcomesOf(make: (clock: { ms: number }) => readonly Part[], limit: Limit): Promise<Outcome[]> {
  const clock = { ms: 0 };
  const outcomes: Outcome[] = [];
  const bench: Bench = {
    clock: { now: () => clock.ms, cpuMs: () => Promise.resolve(null) },
    scope: { rounds: 1, smallProducts: true, chosenKernels: true },
    open: () => Promise.reject(new Error('these parts open no device')),
    readEmbedded: () => Promise.reject(new Error('these parts read no model')),
  };
  await measureParts(make(clock), bench, limit, { ended: (outcome) => void outcomes.push(outcome) });
  return outcomes;
}

test('measures, fails with the cause, lists what is omitted, and starts nothing when the time is over', async () => {
  const lost = new GorpError('device/lost', 'The device was lost.', 'Start again.');
  const outcomes = await outcomesOf(
    (clock) => [
      part('slow', () => {
        clock.ms += 2000;
        return Promise.resolve(found);
      }),
      part('lost', () => Promise.reject(lost)),
      part('missing', () => Promise.resolve(undefined)),
      omit(
        part('elsewhere', () => Promise.reject(new Error('must not run'))),
        'not here',
      ),
      part('last', () => {
        clock.ms += 4000;
        return Promise.resolve(found);
      }),
      part('too late', () => Promise.reject(new Error('must not run'))),
    ],
    { end: 5000, cutsOff: false },
  );
  const { code, message, nextStep } = lost;
  expect(outcomes).toEqual([
    { name: 'slow', status: 'measured', seconds: 2, ...found },
    { name: 'lost', status: 'failed', reason: message, error: { code, message, nextStep } },
    { name: 'missing', status: 'not run', reason: 'it is not installed' },
    { name: 'elsewhere', status: 'not run', reason: 'not here' },
    { name: 'last', status: 'measured', seconds: 4, ...found },
    { name: 'too late', status: 'not run', reason: TIME_OVER },
  ]);
});

test('a part that takes longer than the limit is cut off', async () => {
  const outcomes = await outcomesOf(
    (clock) => [
      part('endless', () => {
        clock.ms = 20; // so the limit has passed at once
        return new Promise(() => undefined);
      }),
      part('next', () => Promise.reject(new Error('must not run'))),
    ],
    { end: 10, cutsOff: true },
  );
  expect(outcomes).toEqual([
    { name: 'endless', status: 'not run', reason: CUT_OFF },
    { name: 'next', status: 'not run', reason: TIME_OVER },
  ]);
});
