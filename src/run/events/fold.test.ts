import * as v from 'valibot';
import { describe, expect, it, test } from 'vitest';
import { beginningOf } from '../../testing/begun-run.ts';
import { runKeepingRounds, openRound } from '../../testing/saved-run.ts';
import { losingHost } from '../../testing/losable.ts';
import { memoryCheckpoints } from '../../testing/memory-checkpoints.ts';
import { tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import type { RunEvent } from './events.ts';
import { fold, MAX_SAMPLES, thinned } from './fold.ts';
import type { RunHost } from './host.ts';
import { type LayerSample, type Results, ResultsSchema } from '../results/results.ts';
import { Run } from '../run.ts';

const begin = beginningOf(tinySettings('gorp'));
const after = (...events: RunEvent[]): Results => events.reduce(fold, fold(null, begin)) ?? begin.results;
const layers = [{ name: 'q', part: 'lora' as const, gradientNorm: 1, projectedAway: 0.5, leakage: null }];
const steps = (from: number, count: number, rate = 1): RunEvent => {
  const numbers = Array.from({ length: count }, (_, i) => from + i);
  const [losses, gradientNorms] = [numbers.map((step) => 1 / step), numbers.map(() => 2)];
  return {
    type: 'steps',
    round: 1,
    steps: numbers,
    losses,
    gradientNorms,
    layers,
    rates: numbers.map(() => rate),
    seconds: from,
    tokensPerSecond: 100,
  };
};
const time = { promptTokens: 10, promptSeconds: 1, answerTokens: 4, answerSeconds: 2 };
const tested = (round: number, task: number, exact: number, ranked: number): RunEvent => ({
  type: 'evaluation',
  round,
  task,
  exact,
  ranked,
  examples: 2,
  time,
});

describe('fold', () => {
  it('has no results before a run begins, and then gaps as null', () => {
    expect(fold(null, steps(1, 2))).toBeNull();
    const results = after();
    expect(v.parse(ResultsSchema, results)).toEqual(results);
    const empty = [null, null];
    expect(results.accuracy.exact).toEqual([empty, empty, empty]);
  });

  it('adds losses, tests, spaces and time to what earlier events gave', () => {
    const space: RunEvent = { type: 'space', round: 1, tensors: [], stateBytes: 8 };
    const memory: RunEvent = { type: 'memory', liveBytes: 5, peakBytes: 9, liveBuffers: 2 };
    const ofAnotherDevice: RunEvent = { ...memory, peakBytes: 7 };
    const events = [tested(0, 1, 0.25, 0.5), steps(1, 2), steps(3, 1), space, tested(1, 0, 0, 1), memory];
    const results = after(...events, ofAnotherDevice);
    expect(results).toMatchObject({
      status: 'stopped',
      seconds: 3,
      curves: { round: [1, 1, 1], step: [1, 2, 3], gradientNorm: [2, 2, 2], seconds: [1, 1, 3] },
      // The last step of each report represents the others.
      health: [
        { round: 1, step: 2, layers },
        { round: 1, step: 3, layers },
      ],
      spaces: [],
      stateBytes: [{ round: 1, bytes: 8 }],
      testTime: { promptTokens: 20, promptSeconds: 2, answerTokens: 8, answerSeconds: 4 },
      memory: { peakBytes: 9, liveBuffersAtEnd: 0 },
    });
    expect(results.accuracy.exact).toEqual([
      [null, 0.25],
      [0, null],
      [null, null],
    ]);
    expect(results.measures.ranked.averagePerformanceCurve).toEqual([1, null]);
    expect(v.parse(ResultsSchema, results)).toEqual(results);
  });

  it('holds the factors of the learning rates once one of them is not 1', () => {
    expect(after(steps(1, 2), steps(3, 1)).curves.rate).toBeUndefined();
    const results = after(steps(1, 2), steps(3, 1, 0.5), steps(4, 1));
    expect(results.curves.rate).toEqual([1, 1, 0.5, 1]);
    expect(v.parse(ResultsSchema, results)).toEqual(results);
  });

  it('changes nothing that it was given, and shares what stays the same', () => {
    const before = after(steps(1, 2));
    const copy = structuredClone(before);
    const next = fold(before, tested(1, 0, 1, 1));
    fold(before, steps(3, 4));
    expect(before).toEqual(copy);
    expect(next?.curves).toBe(before.curves);
    expect(next?.accuracy.exact[0]).toBe(before.accuracy.exact[0]);
    expect(fold(before, tested(7, 9, 1, 1))?.accuracy, 'a cell outside the matrix').toEqual(before.accuracy);
  });

  it('takes a thousand reports quickly', () => {
    const from = performance.now();
    expect(after(...Array.from({ length: 1000 }, (_, i) => steps(1 + 4 * i, 4))).curves.loss).toHaveLength(4000);
    expect(performance.now() - from).toBeLessThan(3000);
  });
});

describe('samples of layers', () => {
  it('are all there while they are few, then even, the latest among them, at most 400', () => {
    for (const [count, every] of [
      [MAX_SAMPLES, 1],
      [MAX_SAMPLES + 1, 2],
      [3 * MAX_SAMPLES, 4],
    ]) {
      const { health } = after(...Array.from({ length: count }, (_, i) => steps(i + 1, 1)));
      expect(health.length).toBeLessThanOrEqual(MAX_SAMPLES);
      expect(health.at(-1)?.step).toBe(count);
      const taken = Array.from({ length: count }, (_, i) => i + 1).filter(
        (step) => step % every === 0 || step === count,
      );
      expect(health.map(({ step }) => step)).toEqual(taken);
    }
  });

  it('do not depend on when they are thinned', () => {
    const samples = Array.from({ length: 2000 }, (_, i): LayerSample => ({ round: 1, step: 3 * i + 1, layers: [] }));
    const atOnce = thinned(samples);
    let gradually: LayerSample[] = [];
    for (const sample of samples) gradually = thinned([...gradually, sample]);
    expect(gradually).toEqual(atOnce);
    expect(thinned(atOnce)).toEqual(atOnce);
  });
});

/** Runs to the end, and checks at every event that a listener which folds has the results of the run. */
async function execute(
  parts: Partial<RunHost>,
  interfere: (event: RunEvent, run: Run, lose: () => void) => void,
): Promise<Results> {
  let heard: Results | null = null;
  let last: RunEvent | undefined;
  const { host, lose } = losingHost(
    tinyHost((event) => {
      last = event;
      heard = fold(heard, structuredClone(event));
      expect(heard).toEqual(run.results);
      interfere(event, run, lose);
    }, parts),
  );
  const run = new Run(host, tinySettings('gorp-plus'));
  await run.execute();
  if (run.results === null) throw new Error(JSON.stringify(last));
  expect(v.parse(ResultsSchema, run.results)).toEqual(run.results);
  return run.results;
}

test('the events of a run, of one whose device is lost, and of those that resume it give its results', async () => {
  const whole = await execute({}, () => undefined);
  expect(whole.curves.step).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

  let lost = false;
  const recovered = await execute(memoryCheckpoints(0).parts(), (event, _, lose) => {
    if (lost || event.type !== 'steps' || event.round !== 2) return;
    lost = true;
    lose();
  });
  expect(recovered.curves.loss).toEqual(whole.curves.loss);
  expect(recovered.breaks).toMatchObject([{ cause: 'device-lost' }]);

  const checkpoints = memoryCheckpoints();
  const stopped = await execute(checkpoints.parts(), (event, run) => {
    if (event.type === 'progress' && event.phase === 'train' && event.round === 2) run.stop();
  });
  const resumed = await execute(checkpoints.parts(), () => undefined);
  expect([resumed.id, resumed.startedAt]).toEqual([stopped.id, stopped.startedAt]);
  expect(resumed.breaks).toEqual([{ cause: 'restart', step: stopped.curves.step.length, again: null }]);
  expect([resumed.curves.loss, resumed.accuracy]).toEqual([whole.curves.loss, whole.accuracy]);
  expect(resumed.seconds).toBeGreaterThan(stopped.seconds);

  const { rounds } = await runKeepingRounds(tinySettings('gorp-plus'));
  const [first] = rounds.values();
  const next = await execute({ savedRound: () => openRound(first) }, () => undefined);
  expect(next.id).not.toBe(whole.id);
  expect(next.curves.step).toEqual(whole.curves.step);
  expect(next.curves.loss.slice(0, 6)).toEqual(whole.curves.loss.slice(0, 6));
  expect(next.accuracy.exact.slice(0, 2)).toEqual(whole.accuracy.exact.slice(0, 2));
});
