import { expect, test } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { type MemoryPlan, PARTS, type Parts } from '../../run/planning/memory-plan.ts';
import type { TextLengths } from '../../run/planning/text-lengths.ts';
import type { Results } from '../../run/results/results.ts';
import { resultsOfScript } from '../../testing/scripted-results.ts';
import type { DeviceOutlook } from '../../worker/protocol.ts';
import { silentPage } from '../testing/markup.ts';
import { estimateOf, paceOf, type TimeCorrections } from './estimate.ts';

const parts = Object.fromEntries(PARTS.map((part) => [part, 0])) as Parts;
const plan: MemoryPlan = { total: 0, moment: 'training', parts, moments: {}, checkpoint: 0, host: 0 };
const outlook: DeviceOutlook = {
  kind: 'wasm',
  why: 'no-webgpu',
  name: 'a CPU',
  isSoftwareAdapter: false,
  threads: 2,
  singleThread: null,
  bufferBytes: 2 ** 30,
};

test('the time of a run awaits the count of its texts, and follows from it and from earlier runs', () => {
  const { store } = silentPage();
  const effort = {
    step: { operations: 1e9, kernels: 0 },
    tests: { labels: null, free: null },
    space: null,
    single: null,
    validation: null,
    generalText: null,
    tokensOfStep: 800,
    tokensOfRow: 100,
    sharesBeginnings: false,
  };
  const { training, ...settings } = embeddedSettings('quick', 'gorp');
  store.setState({
    draft: { ...settings, order: ['gloss'], training: { ...training, batchSize: 8, sourceLength: 96 } },
    memoryPlan: { status: 'planned', plan, effort },
    deviceFound: { status: 'known', outlook, speed: { operationsPerSecond: 1e9, secondsPerKernel: 0 } },
  });
  const noted = new Map<string, number>();
  const pace: TimeCorrections = {
    factor: (device, model) => noted.get(`${device}, ${model}`) ?? null,
    note: () => undefined,
  };
  const estimated = (): ReturnType<typeof estimateOf> => estimateOf(store.getState(), pace);
  const secondsWith = (mean: number): number => {
    const task = { name: 'gloss', texts: 9, counted: 9, cut: 0, longest: 90, question: 8, answer: 2, shortened: 0 };
    const lengths: TextLengths = { tasks: [{ ...task, mean }], hasTemplate: false, positions: null };
    store.setState({ lengths: { status: 'counted', lengths } });
    return estimated()?.seconds ?? 0;
  };
  store.setState({ lengths: { status: 'counting', last: null } });
  expect(estimated()).toBeNull();
  store.setState({ lengths: { status: 'elsewhere' } });
  expect(estimated(), 'as long as the published texts').not.toBeNull();
  const [short, long] = [secondsWith(18), secondsWith(48)];
  expect(long / short, 'with 12 tokens of padding').toBeCloseTo(60 / 30, 6);
  expect(estimated()).toMatchObject({ isRefined: false, plainSeconds: long });
  noted.set('a CPU, embedded', 0.5);
  expect(estimated()).toMatchObject({ isRefined: true, plainSeconds: long, seconds: long / 2 });
});

test('a pace compares the seconds of a run with those planned, unless it did other work than was planned', () => {
  const done = resultsOfScript(embeddedSettings('quick', 'gorp'), '2026-01-01T00:00:00.000Z');
  const results = { ...done, seconds: 30, taughtBefore: { seconds: 10, tasks: 1 } } as Results;
  expect(paceOf(results, 40)).toBe(0.5);
  const early = { round: 1, step: 2, steps: 5, planned: 16 };
  expect(paceOf({ ...results, endedByLoss: [early] }, 40), 'a rising loss ended it').toBeNull();
  expect(paceOf({ ...results, endedByLoss: [{ ...early, steps: 16 }] }, 40), 'but not before its end').toBe(0.5);
  expect(paceOf({ ...results, breaks: [{ cause: 'device-lost', step: 3, again: 9 }] }, 40)).toBeNull();
  expect(paceOf({ ...results, status: 'stopped' }, 40)).toBeNull();
});
