import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PreviewAnswer, PreviewCommand } from '../../worker/protocol.ts';
import { createPageStore } from './store.ts';
import { createPreviewer, QUIET_MS } from './text-questions.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const preview = { task: 'gloss', tokens: [{ text: 'a', isLabel: true }], cut: false };

function setUp() {
  const store = createPageStore('system');
  const asked: { command: PreviewCommand; answer: (answer: PreviewAnswer) => void; givenUp: boolean }[] = [];
  const previewer = createPreviewer(store, (command, answer) => {
    const one = { command, answer, givenUp: false };
    asked.push(one);
    return () => (one.givenUp = true);
  });
  const edit = (change: object): void => store.setState(({ draft }) => ({ draft: { ...draft, ...change } }));
  return { store, asked, previewer, edit, state: () => store.getState().preview };
}

test('reads an example while the preview is open, and again after settings stop changing', () => {
  const { asked, previewer, edit, state } = setUp();
  edit({ order: ['field'] });
  vi.advanceTimersByTime(QUIET_MS);
  expect(asked).toEqual([]);
  previewer.open();
  expect(asked[0].command).toMatchObject({ mayAsk: false, settings: { order: ['field'] } });
  asked[0].answer({ type: 'preview', preview });
  expect(state()).toEqual({ status: 'read', preview });
  edit({ order: ['gloss'] });
  edit({ order: ['gloss', 'field'] });
  vi.advanceTimersByTime(QUIET_MS);
  expect([asked.length, state()]).toEqual([2, { status: 'reading', last: preview }]);
  edit({ order: [] });
  vi.advanceTimersByTime(QUIET_MS);
  expect([asked.length, asked[1].givenUp, state()]).toEqual([2, true, { status: 'none' }]);
  previewer.close();
  edit({ order: ['people'] });
  vi.advanceTimersByTime(QUIET_MS);
  expect([asked.length, state()]).toEqual([2, { status: 'closed' }]);
});

test('asks another server, with the token, only when requested and only for that model', () => {
  const { store, asked, previewer, edit, state } = setUp();
  store.setState(({ access }) => ({ access: { ...access, hub: { ...access.hub, token: 'hf_secret' } } }));
  edit({ model: 'org/one' });
  previewer.open();
  asked[0].answer({ type: 'elsewhere' });
  expect(state()).toEqual({ status: 'elsewhere' });
  previewer.lookUp();
  edit({ order: ['field'] });
  vi.advanceTimersByTime(QUIET_MS);
  edit({ model: 'org/two' });
  vi.advanceTimersByTime(QUIET_MS);
  expect(asked.map(({ command: { mayAsk, access } }) => [mayAsk, access.hub.token])).toEqual([
    [false, null],
    [true, 'hf_secret'],
    [true, 'hf_secret'],
    [false, null],
  ]);
});
