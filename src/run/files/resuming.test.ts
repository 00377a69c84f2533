import { describe, expect, test } from 'vitest';
import { spaceOf } from '../../gorp/part/method-plan.ts';
import { METHOD_NAMES, type MethodName, type MethodSettings, planOf } from '../../methods/registry.ts';
import { memoryCheckpoints } from '../../testing/memory-checkpoints.ts';
import { TESTS_ALL } from '../../testing/tier.ts';
import { TINY_FAMILIES, type TinyFamily } from '../../testing/tiny-families.ts';
import { tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import type { RunEvent } from '../events/events.ts';
import type { RunHost } from '../events/host.ts';
import { STATE_FILE, WEIGHTS_FILE } from './layout.ts';
import type { Results } from '../results/results.ts';
import { Run } from '../run.ts';
import type { RunSettings, TrainingSettings } from '../settings/settings.ts';

/** A run to its end, or to where `stopAt` stops it. */
async function execute(
  { open }: TinyFamily,
  settings: RunSettings,
  parts: Partial<RunHost>,
  stopAt: (event: RunEvent) => boolean = () => false,
  stop = (run: Run): void => run.stop(),
): Promise<{ type: string; results: Results; events: RunEvent[] }> {
  const events: RunEvent[] = [];
  const run: Run = new Run(
    tinyHost(
      (event) => {
        events.push(structuredClone(event));
        if (stopAt(event)) stop(run);
      },
      { openModel: () => Promise.resolve(open()), ...parts },
    ),
    settings,
  );
  await run.execute();
  const [last, { results }] = [events.at(-1), run];
  if (last === undefined || results === null) throw new Error(JSON.stringify(last));
  expect(results.memory.liveBuffersAtEnd).toBe(0);
  return { type: last.type, results, events };
}

const isAt =
  (phase: string, round: number, done: number, item?: string) =>
  (event: RunEvent): boolean =>
    event.type === 'progress' &&
    event.phase === phase &&
    event.round === round &&
    event.done === done &&
    event.item === (item ?? event.item);

/** Places of every kind: tests before training, steps of both rounds, tests after training. */
const PLACES = {
  'the tests before training': isAt('evaluate', 0, 3, 'field'), // the first test is complete
  'the first step': isAt('train', 1, 1),
  'a step of the first round': isAt('train', 1, 4),
  'the tests of the first round': isAt('evaluate', 1, 3),
  'a step of the second round': isAt('train', 2, 5),
  'the last step of all': isAt('train', 2, 6),
};

/** Returns the parts that must be equal: everything but times, and health samples, which are taken at certain times. */
const comparable = ({ curves, accuracy, measures, spaces, stateBytes, tasks, ...results }: Results): unknown => ({
  step: curves.step,
  round: curves.round,
  loss: curves.loss,
  gradientNorm: curves.gradientNorm,
  accuracy,
  measures,
  spaces,
  stateBytes,
  tasks,
  validation: results.validation,
  ended: results.endedByLoss,
});

/** The plan gives the largest size of a checkpoint. */
function expectPlannedSize(events: readonly RunEvent[], name: string): void {
  const planned = events.find((event) => event.type === 'memory-plan')?.plan.checkpoint ?? 0;
  const sizes = events.flatMap((event) =>
    event.type === 'progress' && event.phase === 'checkpoint' ? [event.total] : [],
  );
  expect(Math.max(...sizes), name).toBeGreaterThan(0);
  expect(Math.max(...sizes), name).toBeLessThanOrEqual(planned);
}

/**
 * Stops a run at each of the places, resuming each time from the previous one.
 *
 * @param everySeconds between two checkpoints; 0 saves at every step.
 * @returns the files that a checkpoint within a task took from an earlier one.
 */
async function breaksMakeNoDifference(
  family: TinyFamily,
  settings: RunSettings,
  places: readonly string[],
  everySeconds = Infinity,
): Promise<ReadonlySet<string>> {
  const whole = await execute(family, settings, {});
  expect(whole.type).toBe('finished');
  const { curves, spaces } = whole.results;
  expect(curves.loss.every(Number.isFinite)).toBe(true);
  expect(new Set(curves.loss).size).toBeGreaterThan(1);
  const takes = whole.results.endedByLoss?.map(({ step, steps, planned }) => step < steps && steps < planned) ?? [];
  expect(takes.includes(true)).toBe(settings.training.loadBest === 'best');
  expect(spaces).toHaveLength(spaceOf(planOf(settings.method)) ? 2 : 0);
  const checkpoints = memoryCheckpoints(everySeconds);
  let id: string | undefined;
  let peak = 0;
  for (const [name, isThere] of Object.entries(PLACES)) {
    if (!places.includes(name)) continue;
    const part = await execute(family, settings, checkpoints.parts(), isThere);
    expect(part.type, name).toBe('stopped');
    expect(checkpoints.count, name).toBeGreaterThan(0);
    expectPlannedSize(part.events, name);
    id ??= part.results.id;
    expect(part.results.id, 'it is the same run').toBe(id);
    const { peakBytes } = part.results.memory;
    expect(peakBytes, `${name}: the peak of all parts`).toBeGreaterThanOrEqual(peak);
    peak = peakBytes;
  }
  const last = await execute(family, settings, checkpoints.parts());
  expect(last.type).toBe('finished');
  expect(last.results.id).toBe(id);
  expect(last.results.memory.peakBytes).toBeGreaterThanOrEqual(peak);
  expect(comparable(last.results)).toEqual(comparable(whole.results));
  return checkpoints.unchanged;
}

const T5 = TINY_FAMILIES.find(({ family }) => family === 't5-tiny') as TinyFamily;
const LLAMA = TINY_FAMILIES.find(({ family }) => family === 'llama-tiny') as TinyFamily;
const DROPOUT = { loraDropout: 0.1 };

/**
 * Places where a method has state of its own; gorp-plus stops at all of them. A method that learns all tasks at once has
 * one round, the last.
 */
const placesOf = (method: MethodName): string[] => {
  if (method === 'gorp-plus') return Object.keys(PLACES);
  if (method === 'mtl') return ['the last step of all'];
  const last = 'a step of the second round'; // which holds what the first round left
  return TESTS_ALL ? ['a step of the first round', 'the tests of the first round', last] : [last];
};

const MOST = [WEIGHTS_FILE, STATE_FILE];

/** Two validations in a row without a lower loss end a task, which takes the weights of the lowest. */
const ENDS_BY_LOSS: Partial<TrainingSettings> = {
  validationExamples: 2,
  validationSteps: 1,
  epochs: 6,
  loadBest: 'best',
  earlyStoppingPatience: 2,
};

/** Settings that add state of their own to a run, and the files that checkpoints at every step need not write again. */
const WAYS: [string, MethodName, Partial<TrainingSettings>, Partial<MethodSettings>, unchanged: string[]][] = [
  ['accumulated gradients', 'gorp-plus', { gradientAccumulation: 2, batchSize: 1 }, DROPOUT, MOST],
  [
    'batches packed by tokens, a warm-up, then a cosine',
    'gorp-plus',
    { batchTokens: 26, warmupRatio: 0.3, lrSchedulerType: 'cosine' },
    {},
    MOST,
  ],
  [
    'weights of 8 bits, computed again',
    'gorp',
    { frozenWeights: '8-bit', activations: 'recompute' },
    {},
    [WEIGHTS_FILE, STATE_FILE],
  ],
  ['the weights of the lowest held-out loss', 'gorp-plus', ENDS_BY_LOSS, { galoreLearningRate: 0.5 }, MOST],
  ['frozen pairs', 'inc-lora', {}, {}, [STATE_FILE]],
  ['folded pairs', 'inc-lora', {}, { loraRank: 9 }, [STATE_FILE]],
  ['gates', 'gain-lora', {}, {}, [STATE_FILE]],
  ['answers to general prompts', 'er', {}, { replaySource: 'general', replayShare: 0.5 }, []],
  ['answers of its own', 'er', {}, { replaySource: 'self', replayShare: 0.5 }, []],
];

describe('a run resumed from its checkpoints ends as an uninterrupted one, bit for bit', () => {
  test.each(METHOD_NAMES.map((method, i) => ({ method, family: i % 2 === 0 ? T5 : LLAMA })))(
    '$method on $family.family',
    async ({ method, family }) => {
      await breaksMakeNoDifference(family, tinySettings(method, family.lengths, DROPOUT), placesOf(method));
    },
  );

  test('gorp-plus on llama-tiny', async () => {
    await breaksMakeNoDifference(LLAMA, tinySettings('gorp-plus', LLAMA.lengths, DROPOUT), placesOf('gorp-plus'));
  });

  test('after a stop that kept the model of an unfinished round', async () => {
    const settings = tinySettings('gorp-plus', {}, DROPOUT);
    const whole = await execute(T5, settings, {});
    const checkpoints = memoryCheckpoints(0);
    const stopAndKeep = (run: Run): void => run.stopAndKeep();
    const cut = await execute(T5, settings, checkpoints.parts(), PLACES['a step of the second round'], stopAndKeep);
    expect([cut.type, cut.results.cutShort?.map(({ round }) => round)]).toEqual(['stopped', [2]]);
    const last = await execute(T5, settings, checkpoints.parts());
    expect(comparable(last.results)).toEqual(comparable(whole.results));
    expect(last.results.cutShort).toBeUndefined();
  });

  test('with watched tasks protected', async () => {
    const settings = { ...tinySettings('gorp-plus', {}, { protects: 'watched' }), watch: ['people'] };
    const whole = await execute(T5, settings, {});
    expect(whole.results.tasks.map(({ protectedExamples }) => protectedExamples)).toEqual([undefined, undefined, 4]);
    const free = await execute(T5, { ...settings, method: tinySettings('gorp-plus').method }, {});
    expect(whole.results.curves.loss[1]).not.toBe(free.results.curves.loss[1]);
    const places = ['the tests before training', 'the first step', 'a step of the second round'];
    await breaksMakeNoDifference(T5, settings, places, 0);
  });

  test.each(WAYS)('with %s', async (_, method, training, own, unchanged) => {
    const settings = tinySettings(method, training, own);
    const places = ['a step of the first round', 'a step of the second round'];
    expect([...(await breaksMakeNoDifference(T5, settings, places, 0))].sort()).toEqual(unchanged);
  });
});
