import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../run/events/events.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { beginningOf } from '../../testing/begun-run.ts';
import {
  applyEvent,
  applyEvents,
  endedRun,
  IDLE,
  isActive,
  roundOfRun,
  type PageRun,
  startingRun,
} from './run-state.ts';
import { scriptedRun } from '../../testing/scripted-run.ts';
import { resultsOfScript } from '../../testing/scripted-results.ts';

const settings = embeddedSettings('quick', 'gorp');
const started = startingRun(settings);
const begin = beginningOf(settings);
const steps: RunEvent = {
  type: 'steps',
  round: 1,
  steps: [1, 2],
  losses: [2, 1],
  gradientNorms: [1, 1],
  rates: [1, 1],
  layers: [],
  seconds: 3,
  tokensPerSecond: 100,
};
const failure: RunEvent = {
  type: 'failed',
  error: { code: 'device/lost', message: 'gone', nextStep: 'again' },
};

describe('applyEvent', () => {
  it('ends with the results of the run, from which a stored run looks the same', () => {
    const events = scriptedRun(settings);
    const end = applyEvents(started, events);
    expect(end.status).toBe('finished');
    const whole = resultsOfScript(settings);
    expect(end.results).toEqual(whole);
    const { status, device, stepsPerRound, results } = endedRun(whole);
    expect(end).toMatchObject({ status, device, stepsPerRound, settings, results });
    expect(roundOfRun(endedRun(whole))).toBe(settings.order.length);
  });

  it('changes from starting to running with the first event, and follows pause and resume', () => {
    const running = applyEvent(started, begin);
    expect([started.status, running.status]).toEqual(['starting', 'running']);
    const paused = applyEvent({ ...running, status: 'pausing' }, { type: 'paused' });
    expect(paused.status).toBe('paused');
    expect(applyEvent(paused, { type: 'resumed' }).status).toBe('running');
    const stopping: PageRun = { ...running, status: 'stopping' };
    expect(applyEvent(stopping, { type: 'paused' }).status).toBe('stopping');
    expect(applyEvent(stopping, begin).status).toBe('stopping');
  });

  it('preserves measurements when a worker crashes, and ignores later events', () => {
    const failed = applyEvents(started, [begin, steps, failure]);
    const error = { code: 'device/lost' };
    expect(failed).toMatchObject({ status: 'failed', error, results: { status: 'failed', error } });
    expect(failed.results?.curves.loss).toEqual([2, 1]);
    expect(applyEvent(failed, steps)).toBe(failed);
    expect(applyEvent(IDLE, begin)).toBe(IDLE);
  });

  it('shows a warning once', () => {
    const warning: RunEvent = { type: 'warning', message: 'slow' };
    expect(applyEvents(started, [warning, warning]).warnings).toEqual(['slow']);
  });

  it('notes what happens by design, once, and does not warn of it', () => {
    const note: RunEvent = { type: 'warning', message: '5 texts are cut', isNote: true };
    expect(applyEvents(started, [note, note])).toMatchObject({ warnings: [], notes: ['5 texts are cut'] });
  });
});

describe('isActive', () => {
  it('is true while a worker is busy', () => {
    expect((['starting', 'running', 'pausing', 'paused', 'stopping'] as const).every(isActive)).toBe(true);
    expect((['idle', 'finished', 'stopped', 'failed'] as const).some(isActive)).toBe(false);
  });
});
