import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type RunEvent, SILENCE_MS } from '../../run/events/events.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { WorkerCommand } from '../../worker/protocol.ts';
import { applyEvents, startingRun } from './run-state.ts';
import { scriptedRun } from '../../testing/scripted-run.ts';
import { watched } from './run-manager.ts';
import { TOKENIZER_SECONDS } from './session.ts';

const SETTINGS = { ...embeddedSettings('quick', 'gorp'), model: 'org/crafted' };
const EVENTS = scriptedRun(SETTINGS);

/** A session whose worker does nothing by itself, and the events that the page receives. */
function setUp() {
  const heard: RunEvent[] = [];
  let closed = 0;
  let emit: (event: RunEvent) => void = () => undefined;
  const open = watched((onEvent) => {
    emit = onEvent;
    return { send: () => undefined, close: () => (closed += 1) };
  });
  const session = open((event) => heard.push(event));
  session.send({ type: 'start', settings: SETTINGS } as WorkerCommand);
  return { heard, session, tell: (event: RunEvent) => emit(event), closed: () => closed };
}

const progress = (phase: 'tokenize' | 'tasks' | 'checkpoint'): RunEvent => ({
  ...{
    type: 'progress',
    phase,
    round: 0,
    item: 'gloss',
    done: 0,
    total: 1,
    unit: 'items',
    seconds: 1,
    timeLeft: null,
  },
});

/** Emits a run's events up to its first losses. */
function begun(tell: (event: RunEvent) => void): void {
  const first = EVENTS.findIndex((event) => event.type === 'steps');
  for (const event of EVENTS.slice(0, first + 1)) tell(event);
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('ends a worker that gives no sign of life after Stop; what was measured remains', () => {
  const { heard, session, tell, closed } = setUp();
  begun(tell);
  session.send({ type: 'stop' });
  vi.advanceTimersByTime(SILENCE_MS - 1000);
  expect(closed()).toBe(0);
  vi.advanceTimersByTime(1000);
  expect(closed()).toBe(1);
  expect(heard.slice(-2)).toMatchObject([
    { type: 'warning', message: expect.stringContaining('no sign of life for 10 seconds after Stop') as string },
    { type: 'stopped' },
  ]);
  const run = applyEvents(startingRun(SETTINGS), heard);
  expect(run).toMatchObject({ status: 'stopped', results: { status: 'stopped', curves: { step: [1, 2, 3] } } });
  vi.advanceTimersByTime(60_000);
  expect(closed(), 'once').toBe(1);
});

it('fails with no results if nothing was measured yet', () => {
  const { heard, session, closed } = setUp();
  session.send({ type: 'stop' });
  vi.advanceTimersByTime(SILENCE_MS);
  expect(closed()).toBe(1);
  expect(heard).toMatchObject([{ type: 'failed', error: { code: 'worker/no-answer' } }]);
});

it('leaves a worker alone that computes for as long as its step takes, and saves then', () => {
  const { heard, session, tell, closed } = setUp();
  begun(tell);
  session.send({ type: 'stop' });
  for (let i = 0; i < 20; i++) {
    vi.advanceTimersByTime(2000);
    tell(i < 10 ? { type: 'stopping', secondsLeft: 20 - 2 * i } : progress('checkpoint'));
    const { status, stopsIn } = applyEvents(startingRun(SETTINGS), heard);
    expect({ status, stopsIn }).toEqual({ status: 'running', stopsIn: Math.max(2, 20 - 2 * i) });
  }
  expect(closed()).toBe(0);
  vi.advanceTimersByTime(SILENCE_MS);
  expect(closed(), 'it stands still').toBe(1);
});

it('ends a worker at once if Stop is sent once more, and says what is lost', () => {
  const { heard, session, tell, closed } = setUp();
  begun(tell);
  session.send({ type: 'stop' });
  tell({ type: 'stopping', secondsLeft: 600 });
  expect(closed()).toBe(0);
  session.send({ type: 'stop' });
  expect(closed()).toBe(1);
  expect(heard.slice(-2)).toMatchObject([
    { type: 'warning', message: expect.stringContaining('before it could save') as string },
    { type: 'stopped' },
  ]);
});

it('ends a worker whose tokenizer hangs, and names the model', () => {
  const { heard, tell, closed } = setUp();
  for (let i = 0; i < 3; i++) {
    tell(progress('tokenize'));
    vi.advanceTimersByTime(1000 * (TOKENIZER_SECONDS - 1));
  }
  expect(closed(), 'it reports progress').toBe(0);
  vi.advanceTimersByTime(1000);
  expect(closed()).toBe(1);
  expect(heard.at(-1)).toMatchObject({
    type: 'failed',
    error: { code: 'text/tokenizer-too-slow', message: expect.stringContaining('org/crafted') as string },
  });
});

it('does not count the time in which the machine sleeps', () => {
  const { session, tell, closed } = setUp();
  const sleep = (): void => void vi.setSystemTime(Date.now() + 8 * 3_600_000); // timers miss their turns
  tell(progress('tokenize'));
  sleep();
  vi.advanceTimersByTime(1000 * (TOKENIZER_SECONDS - 1));
  expect(closed()).toBe(0);
  begun(tell);
  session.send({ type: 'stop' });
  sleep();
  vi.advanceTimersByTime(SILENCE_MS - 1000);
  expect(closed()).toBe(0);
  vi.advanceTimersByTime(1000);
  expect(closed()).toBe(1);
});

it('sets no limit on other work, and stops watching an ended run', () => {
  const { heard, session, tell, closed } = setUp();
  tell(progress('tokenize'));
  tell(progress('tasks'));
  vi.advanceTimersByTime(3_600_000);
  begun(tell);
  session.send({ type: 'stop' });
  const last = EVENTS[EVENTS.length - 1];
  tell(last);
  vi.advanceTimersByTime(60_000);
  expect(closed()).toBe(0);
  expect(heard.at(-1)).toBe(last);
});
