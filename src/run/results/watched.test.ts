import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import type { MethodName } from '../../methods/registry.ts';
import type { Task } from '../../tasks/task.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { openRound, runKeepingRounds } from '../../testing/saved-run.ts';
import { onDevice, tinySettings } from '../../testing/tiny-run.ts';
import { readPredictions } from '../files/predictions.ts';
import { WATCHED_FILE } from '../files/layout.ts';
import type { RunHost } from '../events/host.ts';
import { type Results, ResultsSchema } from './results.ts';
import { parseSettings } from '../settings/settings.ts';
import { idleTasks, watchedSums } from './known-before.ts';

const STORY: Task = {
  name: 'story',
  kind: 'Text',
  instruction: null,
  labels: [],
  form: 'text',
  train: [],
  dev: [],
  test: [{ sentence: '', label: 'red ball blue box round ball square box' }],
};
const HOST: Partial<RunHost> = {
  ...onDevice(acquireTestDevice),
  customTask: (name) => Promise.resolve(name === 'story' ? STORY : undefined),
};
const FOLDER = 'logs_and_outputs/order_custom/outputs';
const of = (name: MethodName, order: string[], watch: string[]) => ({ ...tinySettings(name), order, watch });

const tested = ({ accuracy }: Results, score: 'exact' | 'loss', column: number): boolean[] =>
  (accuracy[score] ?? []).map((row) => row[column] !== null);

describe('watched tasks', () => {
  test('are tested before training and after every round, and change nothing of what is learned', async () => {
    const watching = await runKeepingRounds(of('gorp-plus', ['gloss'], ['field', 'story']), HOST);
    const alone = await runKeepingRounds({ ...tinySettings('gorp-plus'), order: ['gloss'] }, HOST);
    const results = v.parse(ResultsSchema, JSON.parse(JSON.stringify(watching.results)));
    expect(results.tasks.map(({ name, watched, trainExamples }) => [name, watched, trainExamples])).toEqual([
      ['gloss', undefined, 6],
      ['field', true, 0],
      ['story', true, 0],
    ]);
    expect(tested(results, 'exact', 1)).toEqual([true, true]);
    expect(tested(results, 'loss', 2)).toEqual([true, true]);
    expect(results.curves.loss).toEqual(alone.results.curves.loss);
    expect(results.spaces).toEqual(alone.results.spaces);
    expect(results.accuracy.exact.map((row) => row.slice(0, 1))).toEqual(alone.results.accuracy.exact);
    expect(results.measures.exact).toEqual(alone.results.measures.exact);
    expect(results.measures.ranked).toEqual(alone.results.measures.ranked);
    expect(results.measures.loss?.averagePerformance).toBeNull();
  });

  test.each([
    ['mtl', [true, false, true]],
    ['per-task', [true, true, true]],
  ] as const)('are tested after the rounds that %s has', async (method, rounds) => {
    const { results } = await runKeepingRounds(of(method, ['gloss', 'field'], ['story']), HOST);
    expect(tested(results, 'loss', 2)).toEqual(rounds);
  });

  test('have their answers in a file of their own, outside the published metrics', async () => {
    const { rounds } = await runKeepingRounds(of('seq-lora', ['gloss'], ['field']), HOST);
    const files = rounds.get(`${FOLDER}/1-gloss`) ?? new Map<string, Uint8Array>();
    const text = (name: string): string => new TextDecoder().decode(files.get(name));
    expect(new Set(readPredictions(text(WATCHED_FILE)).map(({ task }) => task))).toEqual(new Set(['field']));
    expect(text('predict_eval_predictions.jsonl')).not.toContain('"field"');
    expect(Object.keys(JSON.parse(text('predict_results.json')) as object).join()).not.toContain('field');
  });

  test('stay with a run that resumes from a round; others are tested from there on', async () => {
    const settings = of('gorp', ['gloss', 'field'], ['story']);
    const whole = await runKeepingRounds(settings, HOST);
    const first = whole.rounds.get(`${FOLDER}/1-gloss`);
    if (first === undefined) throw new Error('no round');
    const resumed = await runKeepingRounds(settings, { ...HOST, savedRound: () => openRound(first) });
    expect(resumed.results.accuracy).toEqual(whole.results.accuracy);
    const without = { ...tinySettings('gorp'), order: ['gloss', 'field'] };
    const fewer = await runKeepingRounds(without, { ...HOST, savedRound: () => openRound(first) });
    expect(fewer.results.accuracy.exact).toEqual(whole.results.accuracy.exact.map((row) => row.slice(0, 2)));
    const plain = await runKeepingRounds(without, HOST);
    const round = plain.rounds.get(`${FOLDER}/1-gloss`);
    if (round === undefined) throw new Error('no round');
    const added = await runKeepingRounds(settings, { ...HOST, savedRound: () => openRound(round) });
    expect(tested(added.results, 'loss', 2)).toEqual([false, true, true]);
  });

  test('cannot be learned too, nor learned without examples', async () => {
    expect(() => parseSettings(of('gorp', ['gloss'], ['gloss']))).toThrow(/watch.*either learned or only tested/);
    const learning = runKeepingRounds({ ...tinySettings('gorp'), order: ['story'] }, HOST);
    await expect(learning).rejects.toThrow(/tasks\/empty.*story has nothing to train on.*test only/);
  });
});

describe('what the model could do before', () => {
  const results = (exact: number, loss: number): Pick<Results, 'tasks' | 'accuracy'> => {
    const learned = { kind: 'x', trainExamples: 0, testExamples: 100 };
    const base = { ...learned, watched: true } as const;
    const labels = ['a', 'b', 'c', 'd'];
    return {
      tasks: [
        { ...learned, name: 'learned', labels },
        { ...base, name: 'sorts', labels },
        { ...base, name: 'more', labels },
        { ...base, name: 'text', labels: [], form: 'text', chanceLoss: Math.log(1000) },
      ],
      accuracy: {
        exact: [
          [0, exact, 0.5, null],
          [0.9, 0.6, null, null],
          [1, 0.5, 0.4, null],
        ],
        ranked: [],
        loss: [
          [null, null, null, loss],
          [null, null, null, loss + 1],
          [null, null, null, null],
        ],
      },
    };
  };

  test('is a mean of each score, before and in the last tests', () => {
    expect(watchedSums(results(0.7, 3))).toEqual([
      { score: 'exact', before: 0.6, now: 0.45, tasks: ['sorts', 'more'] },
      { score: 'loss', before: 3, now: 4, tasks: ['text'] },
    ]);
    expect(idleTasks(results(0.7, 3))).toEqual([]);
  });

  test('leaves out tasks on which the model was near chance: they can show nothing', () => {
    expect(idleTasks(results(0.3, 6.8))).toEqual(['sorts', 'text']);
    expect(watchedSums(results(0.3, 6.8))).toEqual([{ score: 'exact', before: 0.5, now: 0.4, tasks: ['more'] }]);
  });
});

test('results name the tasks that are only tested after those of the order', async () => {
  const { results } = await runKeepingRounds(of('seq-lora', ['gloss'], ['field']), HOST);
  const swapped = { ...results, tasks: results.tasks.toReversed() };
  expect(v.is(ResultsSchema, results)).toBe(true);
  expect(v.is(ResultsSchema, swapped)).toBe(false);
});
