import { expect, test } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { BenchCommand, BenchEvent } from '../../worker/protocol.ts';
import { IDLE, startingRun } from './run-state.ts';
import { EMPTY_QUEUE } from './queue.ts';
import { createPageStore } from './store.ts';
import { silentPage } from '../testing/markup.ts';
import { ABILITIES, HEAD, PARTS, scriptedBench } from '../testing/scripted-bench.ts';
import { createBenchActions, measuringObstacle } from './device.ts';

const LOST = { code: 'device/lost', message: 'The device was lost.', nextStep: 'Start again.' } as const;
const BEGIN: BenchEvent = { type: 'measuring', head: HEAD, parts: [...PARTS], limitSeconds: 60 };
const [FIRST] = PARTS;
const MEASURED: BenchEvent = {
  type: 'ended',
  outcome: { name: FIRST.name, status: 'measured', seconds: 1, numbers: {}, headline: 'right', text: '' },
};

/** The actions on a page, whose workers answer when the test says so. */
function bench() {
  const store = createPageStore('system');
  const asked: { command: BenchCommand; answer: (event: BenchEvent) => void; isClosed: boolean }[] = [];
  const ends: number[] = [];
  const actions = createBenchActions(store, {
    ask: (command, answer) => {
      const one = { command, answer, isClosed: false };
      asked.push(one);
      return () => (one.isClosed = true);
    },
    onEnd: () => ends.push(asked.length),
  });
  const state = () => store.getState().bench;
  const statuses = () => state().measurement?.report?.parts.map(({ status }) => status);
  return { store, actions, asked, ends, state, statuses };
}

test('abilities are read by one worker at a time, and again after they could not be read', () => {
  const { actions, asked, state } = bench();
  actions.describe();
  actions.describe();
  expect(asked).toHaveLength(1);
  asked[0].answer({ type: 'failed', error: LOST });
  expect(state().abilitiesProblem).toEqual(LOST);
  actions.describe();
  asked[1].answer({ type: 'abilities', abilities: ABILITIES });
  expect(state()).toMatchObject({ abilities: ABILITIES, abilitiesProblem: null });
  actions.describe();
  expect(asked).toHaveLength(3);
  expect(state().abilities).toEqual(ABILITIES); // until the answer
  asked[2].answer({ type: 'abilities', abilities: { ...ABILITIES, cpu: null } });
  expect(state().abilities?.cpu).toBeNull();
  actions.measure();
  actions.describe();
  expect(asked).toHaveLength(4);
});

test('a measurement to its end', () => {
  const { store, actions, asked, ends, state, statuses } = bench();
  store.setState({ device: 'cpu' });
  actions.measure();
  actions.measure();
  expect(asked.map(({ command }) => command)).toEqual([{ type: 'measure', device: 'cpu' }]);
  expect(state().measurement?.status).toBe('opening');
  asked[0].answer(BEGIN);
  asked[0].answer({ type: 'begun', name: FIRST.name });
  expect(state().measurement).toMatchObject({ status: 'measuring', current: FIRST.name });
  asked[0].answer(MEASURED);
  expect(state().measurement?.current).toBeNull();
  expect(ends).toEqual([]);
  asked[0].answer({ type: 'done' });
  expect(state().measurement?.status).toBe('done');
  expect(statuses()).toEqual(['measured']);
  expect(ends).toHaveLength(1);
});

test('stopped: the worker is ended, what was measured stays, the rest is listed', () => {
  const { actions, asked, ends, state, statuses } = bench();
  actions.stop(); // nothing to stop
  actions.measure();
  asked[0].answer(BEGIN);
  asked[0].answer(MEASURED);
  actions.stop();
  expect(asked[0].isClosed).toBe(true);
  expect(state().measurement?.status).toBe('stopped');
  expect(statuses()).toEqual(['measured', ...PARTS.slice(1).map(() => 'not run')]);
  const reasons = state().measurement?.report?.parts.map((part) => (part.status === 'not run' ? part.reason : ''));
  expect(reasons?.[1]).toBe('it was stopped');
  expect(reasons?.at(-1)).toBe(PARTS.at(-1)?.omitted);
  expect(ends).toHaveLength(1);
});

test('a failure before the device is open, and one in between', () => {
  const { actions, asked, state, statuses } = bench();
  actions.measure();
  asked[0].answer({ type: 'failed', error: LOST });
  expect(state().measurement).toMatchObject({ status: 'failed', error: LOST, report: null });
  actions.measure();
  asked[1].answer(BEGIN);
  asked[1].answer(MEASURED);
  asked[1].answer({ type: 'failed', error: LOST });
  expect(state().measurement).toMatchObject({ status: 'failed', error: LOST });
  expect(statuses()).toEqual(['measured', ...PARTS.slice(1).map(() => 'not run')]);
});

test('refused during a run, while a queue is going and without a device', () => {
  const { store, actions, asked } = bench();
  const obstacle = () => measuringObstacle(store.getState())?.code;
  store.setState({ run: startingRun(embeddedSettings('quick', 'gorp')) });
  expect(obstacle()).toBe('run/in-progress');
  actions.measure();
  store.setState({ run: IDLE, queue: { ...EMPTY_QUEUE, isGoing: true, isMine: true } });
  expect(obstacle()).toBe('run/in-progress');
  actions.measure();
  store.setState({ queue: { ...EMPTY_QUEUE, isMine: true }, deviceFound: { status: 'none', error: LOST } });
  expect(obstacle()).toBe(LOST.code);
  actions.measure();
  expect(asked).toEqual([]);
  store.setState({ deviceFound: { status: 'detecting' } });
  actions.measure();
  expect(asked).toHaveLength(1);
});

test('while it measures, a run is refused and a queue waits; the queue starts when it is stopped', async () => {
  const page = silentPage({ bench: scriptedBench('measuring') });
  const { getState } = page.store;
  await page.load();
  page.bench.measure();
  page.start();
  expect(getState().refused?.code).toBe('run/device-measured');
  expect(getState().run).toBe(IDLE);
  page.queue.add([embeddedSettings('quick', 'gorp')]);
  page.queue.start();
  expect(getState().queue.runs.map(({ status }) => status)).toEqual(['waiting']);
  page.bench.stop();
  expect(getState().queue.runs.map(({ status }) => status)).toEqual(['running']);
  expect(getState().run.status).toBe('starting');
});
