import { expect, test } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { IDLE, startingRun } from './run-state.ts';
import { createPageStore } from './store.ts';
import { keepAwake } from './awake.ts';

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** A page with a fake screen lock. */
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

test('holds the lock while a run is in progress and the page is visible', async () => {
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

test('releases the lock when the person turns it off, and survives a refusal', async () => {
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

test('holds nothing if the run ends before the browser answers', async () => {
  const { store, state } = setUp();
  store.setState({ run: startingRun(embeddedSettings('quick', 'gorp')) });
  store.setState({ run: IDLE });
  await settle();
  expect([state.held, state.requests]).toEqual([0, 1]);
});
