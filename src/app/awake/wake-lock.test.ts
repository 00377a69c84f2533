import { expect, test } from 'vitest';
import { embeddedSettings } from '../../run/presets.ts';
import { IDLE, startingRun } from '../run-state.ts';
import { createPageStore } from '../store.ts';
import { keepAwake } from './wake-lock.ts';

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** A screen, the page on it, and who keeps it on. */
function setUp() {
  const store = createPageStore('system');
  const heard: (() => void)[] = [];
  const page = {
    visibilityState: 'visible' as DocumentVisibilityState,
    addEventListener: (_: 'visibilitychange', listener: () => void) => void heard.push(listener),
  };
  const state = { held: 0, refuses: false, requests: 0 };
  let taken: (() => void) | undefined;
  const locks = {
    request: () => {
      state.requests++;
      if (state.refuses) return Promise.reject(new Error('the battery is low'));
      state.held++;
      let isHeld = true;
      const free = (): void => {
        if (isHeld) state.held--;
        isHeld = false;
      };
      return Promise.resolve({
        release: () => Promise.resolve(free()),
        addEventListener: (_: 'release', listener: () => void) => {
          taken = () => {
            free();
            listener();
          };
        },
      });
    },
  };
  keepAwake(store, locks, page);
  const show = async (visibilityState: DocumentVisibilityState): Promise<void> => {
    page.visibilityState = visibilityState;
    if (visibilityState === 'hidden') taken?.(); // as browsers do
    heard.forEach((listener) => listener());
    await settle();
  };
  const run = async (status: 'running' | 'paused' | 'finished'): Promise<void> => {
    store.setState({ run: { ...startingRun(embeddedSettings('quick', 'gorp')), status } });
    await settle();
  };
  return { store, state, show, run };
}

test('the screen is kept on while a run goes on and the page is in sight', async () => {
  const { state, show, run } = setUp();
  expect(state.held).toBe(0);
  await run('running');
  expect(state.held).toBe(1);
  await show('hidden');
  expect(state.held).toBe(0);
  await show('visible');
  expect(state.held).toBe(1);
  await run('paused');
  expect(state.held).toBe(0);
  await run('running');
  await run('finished');
  expect(state.held).toBe(0);
});

test('not where the person does not want it, and a refusal does no harm', async () => {
  const { store, state, run } = setUp();
  await run('running');
  store.setState({ keepAwake: false });
  await settle();
  expect(state.held).toBe(0);
  state.refuses = true;
  store.setState({ keepAwake: true });
  await settle();
  expect([state.held, state.requests]).toEqual([0, 2]);
});

test('a run that has ended before the browser answers leaves nothing held', async () => {
  const { store, state } = setUp();
  store.setState({ run: startingRun(embeddedSettings('quick', 'gorp')) });
  store.setState({ run: IDLE });
  await settle();
  expect([state.held, state.requests]).toEqual([0, 1]);
});
