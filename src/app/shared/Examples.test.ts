import { createElement } from 'react';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { TryCommand } from '../../worker/try/messages.ts';

const sent = vi.hoisted(() => [] as TryCommand[]);
vi.mock(import('../state/playground.ts'), async (original) => ({
  ...(await original()),
  openTryWorker: () => ({ send: (command: TryCommand) => void sent.push(command), close: () => undefined }),
}));
// On a server, React runs no effects.
vi.mock(import('react'), async (original) => ({
  ...(await original()),
  useEffect: (effect: () => void) => effect(),
}));

// Files share modules: another may have loaded these without the mocks, and none may get them with the mocks.
beforeAll(() => void vi.resetModules());
afterAll(() => void vi.resetModules());

test('the answers of a run are those of its own model, also when another model is in use', async () => {
  const { markup, silentPage } = await import('../testing/markup.ts');
  const { default: RunAnswers } = await import('./Examples.tsx');
  const page = silentPage();
  page.taught.refresh('run');
  page.taught.use('other/1-mails');
  expect(markup(page, createElement(RunAnswers, { runId: 'run' }))).toContain('Reading the answers');
  expect(sent).toMatchObject([{ type: 'open', model: { run: 'run' } }]);
});
