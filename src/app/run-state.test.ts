import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../run/events.ts';
import { embeddedSettings } from '../run/presets.ts';
import { applyEvent, applyEvents, IDLE, isActive, MAX_SAMPLES, type RunState, startingRun } from './run-state.ts';
import { scriptedRun } from './testing/script.ts';

const settings = embeddedSettings('quick', 'gorp');
const started = startingRun(settings);
const task = (name: string) => ({ name, kind: 'TC', labels: ['a', 'b'], trainExamples: 4, testExamples: 2 });
const plan: RunEvent = {
  type: 'plan',
  tasks: [task('gloss'), task('field')],
  stepsPerRound: [2, 2],
  model: { name: 'm', commit: null, parameters: 10, trainable: 4 },
};
const layers = [{ name: 'q', part: 'lora' as const, gradientNorm: 1, projectedAway: 0.5, leakage: null }];
const steps = (from: number, count: number): RunEvent => {
  const numbers = Array.from({ length: count }, (_, i) => from + i);
  return {
    type: 'steps',
    round: 1,
    steps: numbers,
    losses: numbers.map(() => 1),
    gradientNorms: numbers.map(() => 2),
    tokensPerSecond: 100,
    layers,
  };
};
const failure: RunEvent = {
  type: 'failed',
  error: { code: 'device/lost', message: 'gone', nextStep: 'again' },
  results: null,
};

describe('applyEvent', () => {
  it('folds the events of a run into its results', () => {
    const events = scriptedRun(settings);
    const end = applyEvents(started, events);
    expect(end.status).toBe('finished');
    const results = end.results;
    if (results === null) throw new Error('no results');
    expect(end.exact).toEqual(results.accuracy.exact);
    expect(end.ranked).toEqual(results.accuracy.ranked);
    expect(end.curve.flatMap((chunk) => chunk.losses)).toEqual(results.curves.loss);
    expect(end.spaces).toEqual(results.spaces);
    expect(end.settings).toEqual(settings);
  });

  it('creates empty matrices from the plan, with null rather than 0 for unmeasured cells', () => {
    const { exact, ranked, examples } = applyEvent(started, plan);
    for (const matrix of [exact, ranked, examples]) {
      expect(matrix).toEqual([
        [null, null],
        [null, null],
        [null, null],
      ]);
    }
  });

  it('sets one cell and shares the other rows', () => {
    const before = applyEvent(started, plan);
    const after = applyEvent(before, {
      type: 'evaluation',
      round: 1,
      task: 0,
      exact: 0,
      ranked: 0.5,
      examples: 24,
      time: null,
    });
    expect(after.exact[1]).toEqual([0, null]);
    expect(after.ranked[1]).toEqual([0.5, null]);
    expect(after.examples[1]).toEqual([24, null]);
    expect(after.exact[0]).toBe(before.exact[0]);
    expect(before.exact[1]).toEqual([null, null]);
  });

  it('ignores a cell outside the plan', () => {
    const planned = applyEvent(started, plan);
    const outside = applyEvent(planned, {
      type: 'evaluation',
      round: 7,
      task: 9,
      exact: 1,
      ranked: 1,
      examples: 1,
      time: null,
    });
    expect(outside.exact).toEqual(planned.exact);
  });

  it('appends losses without changing earlier ones', () => {
    const one = applyEvent(started, steps(1, 2));
    const two = applyEvent(one, steps(3, 1));
    expect(two.curve).toHaveLength(2);
    expect(two.curve[0]).toBe(one.curve[0]);
    expect(one.curve).toHaveLength(1);
    expect(applyEvent(two, steps(4, 0)).curve).toBe(two.curve);
  });

  it('bounds the number of layer samples, and thins only the older ones', () => {
    let state: RunState = started;
    const count = 3 * MAX_SAMPLES;
    for (let i = 1; i <= count; i++) state = applyEvent(state, steps(i, 1));
    expect(state.layerSamples.length).toBeLessThanOrEqual(MAX_SAMPLES);
    expect(state.layerSamples[0]?.step).toBe(1);
    expect(state.layerSamples.slice(-3).map(({ step }) => step)).toEqual([count - 2, count - 1, count]);
    expect(state.layerSamples.at(-1)?.layers).toBe(layers);
    expect(applyEvent(started, steps(1, 0)).layerSamples).toEqual([]);
  });

  it('changes from starting to running with the first event, and follows pause and resume', () => {
    const running = applyEvent(started, plan);
    expect([started.status, running.status]).toEqual(['starting', 'running']);
    const paused = applyEvent({ ...running, status: 'pausing' }, { type: 'paused' });
    expect(paused.status).toBe('paused');
    expect(applyEvent(paused, { type: 'resumed' }).status).toBe('running');
    const stopping: RunState = { ...running, status: 'stopping' };
    expect(applyEvent(stopping, { type: 'paused' }).status).toBe('stopping');
    expect(applyEvent(stopping, plan).status).toBe('stopping');
  });

  it('preserves measurements when a run fails, and ignores later events', () => {
    const failed = applyEvents(started, [plan, steps(1, 2), failure]);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'device/lost' } });
    expect(failed.curve).toHaveLength(1);
    expect(applyEvent(failed, steps(3, 1))).toBe(failed);
    expect(applyEvent(IDLE, plan)).toBe(IDLE);
  });

  it('shows a warning once', () => {
    const warning: RunEvent = { type: 'warning', message: 'slow' };
    expect(applyEvents(started, [warning, warning]).warnings).toEqual(['slow']);
  });

  it('takes thousands of events quickly', () => {
    const events = Array.from({ length: 5000 }, (_, i) => steps(1 + 4 * i, 4));
    const from = performance.now();
    const state = applyEvents(started, events);
    expect(state.curve).toHaveLength(5000);
    expect(performance.now() - from).toBeLessThan(2000);
  });
});

describe('isActive', () => {
  it('is true while a worker is busy', () => {
    expect((['starting', 'running', 'pausing', 'paused', 'stopping'] as const).every(isActive)).toBe(true);
    expect((['idle', 'finished', 'stopped', 'failed'] as const).some(isActive)).toBe(false);
  });
});
