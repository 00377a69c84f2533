import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Effort } from '../../run/planning/duration.ts';
import { type MemoryPlan, PARTS, type Parts } from '../../run/planning/memory-plan.ts';
import type { ModelModules } from '../../run/settings/trained-modules.ts';
import type { ModelOutline } from '../../weights/model-folder.ts';
import type { PlanAnswer, PlanCommand } from '../../worker/protocol.ts';
import { createPageStore } from './store.ts';
import { budgetRefusal } from './preferences.ts';
import { createMemoryPlanner } from './memory-plan.ts';
import { taughtModel } from '../testing/stores.ts';
import { QUIET_MS } from './text-questions.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const parts = Object.fromEntries(PARTS.map((part) => [part, 2 ** 20])) as Parts;
const plan: MemoryPlan = {
  total: 8 * 2 ** 20,
  moment: 'testing',
  parts,
  moments: { testing: 8 * 2 ** 20 },
  checkpoint: 2 ** 20,
  host: 0,
};

const T5: ModelOutline = { config: { model_type: 't5' }, types: null };

const effort: Effort = {
  step: { operations: 9e6, kernels: 90 },
  tests: { labels: null, free: null },
  space: null,
  single: null,
  validation: null,
  generalText: null,
  tokensOfStep: 768,
  tokensOfRow: 96,
  sharesBeginnings: false,
};

const modules: ModelModules = {
  modules: [{ name: 'encoder.block.*.q', layers: 3, out: 8, inputs: 8 }],
  defaults: { lora: ['encoder.block.*.q'], fullRank: [] },
};

test('plans after settings stop changing, cancels outdated plans, and fetches a model’s outline once', () => {
  const store = createPageStore('system');
  const asked: { command: PlanCommand; answer: (answer: PlanAnswer) => void; givenUp: boolean }[] = [];
  createMemoryPlanner(store, (command, answer) => {
    const one = { command, answer, givenUp: false };
    asked.push(one);
    return () => (one.givenUp = true);
  }).watch();
  const setBatch = (batchSize: number): void =>
    store.setState(({ draft }) => ({ draft: { ...draft, training: { ...draft.training, batchSize } } }));

  vi.advanceTimersByTime(QUIET_MS - 1);
  setBatch(3);
  vi.advanceTimersByTime(QUIET_MS - 1);
  expect(asked).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(asked.map(({ command }) => [command.settings.training.batchSize, command.outline])).toEqual([[3, null]]);
  expect(asked[0].command.labels.map(({ length }) => length)).toEqual([8, 6, 5, 7]);

  setBatch(4);
  vi.advanceTimersByTime(QUIET_MS);
  expect(asked.map(({ givenUp }) => givenUp)).toEqual([true, false]);
  asked[1].answer({ type: 'planned', plan, effort, modules, outline: T5 });
  expect(store.getState()).toMatchObject({ memoryPlan: { status: 'planned', plan, effort }, modelModules: modules });

  setBatch(5);
  vi.advanceTimersByTime(QUIET_MS);
  expect(asked[2].command.outline).toEqual(T5);
  expect(store.getState().memoryPlan).toEqual({ status: 'planning', last: plan });
  expect(store.getState().modelModules).toEqual(modules);
  store.setState(({ draft }) => ({ draft: { ...draft, model: 'org/other' } }));
  expect(store.getState().modelModules).toBeNull();
  vi.advanceTimersByTime(QUIET_MS);
  expect(asked[3].command.outline).toBeNull();

  setBatch(0);
  vi.advanceTimersByTime(QUIET_MS);
  expect([asked.length, asked[3].givenUp, store.getState().memoryPlan]).toEqual([4, true, { status: 'none' }]);
});

test('refuses a plan over the budget in GiB, with advice for its peak moment', () => {
  const { draft } = createPageStore('system').getState();
  expect([budgetRefusal(plan, null, draft), budgetRefusal(plan, 8 / 1024, draft)]).toEqual([null, null]);
  const refusal = budgetRefusal(plan, 7 / 1024, draft);
  expect(refusal).toMatchObject({
    code: 'run/too-little-memory',
    message: expect.stringContaining('Testing') as string,
  });
  expect(refusal?.nextStep).toContain('smaller test batch');
  expect(refusal?.nextStep).not.toContain('recompute activations');
});

test('asks no other server, and sends no token, until the person requests it', () => {
  const store = createPageStore('system');
  const asked: { command: PlanCommand; answer: (answer: PlanAnswer) => void }[] = [];
  const planner = createMemoryPlanner(store, (command, answer) => {
    asked.push({ command, answer });
    return () => undefined;
  });
  planner.watch();
  const access = { hub: { endpoint: 'https://hub.example', token: 'hf_secret' }, picked: new Map() };
  store.setState(({ draft }) => ({ access, draft: { ...draft, model: 'org/gated' } }));
  vi.advanceTimersByTime(QUIET_MS);
  expect(asked[0].command).toMatchObject({ mayAsk: false, outline: null, taught: 0 });
  expect(JSON.stringify(asked[0].command)).not.toContain('hf_secret');
  asked[0].answer({ type: 'unknown-model' });
  expect(store.getState().memoryPlan).toEqual({ status: 'unknown-model' });

  planner.lookUp();
  expect(asked[1].command).toMatchObject({ mayAsk: true, access });
  asked[1].answer({ type: 'planned', plan, effort, modules, outline: T5 });
  store.setState(({ draft }) => ({ draft: { ...draft, training: { ...draft.training, batchSize: 3 } } }));
  vi.advanceTimersByTime(QUIET_MS);
  expect(asked[2].command).toMatchObject({ mayAsk: false, outline: T5 });
  expect(JSON.stringify(asked[2].command)).not.toContain('hf_secret');

  store.setState({ access: { ...access, hub: { endpoint: 'https://other.example', token: null } } });
  vi.advanceTimersByTime(QUIET_MS);
  expect(asked[3].command.outline, 'of another hub').toBeNull();

  store.setState({ teaches: taughtModel(store.getState().draft, 3) });
  vi.advanceTimersByTime(QUIET_MS);
  expect(asked.at(-1)?.command.taught, 'what earlier tasks left is stored too').toBe(3);
});
