import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Files, openRound, runKeepingRounds } from '../../testing/saved-run.ts';
import { memoryCheckpoints } from '../../testing/memory-checkpoints.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { readTinyTask, tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import type { RunEvent } from '../events/events.ts';
import type { RunHost } from '../events/host.ts';
import { openBaseModel } from '../files/saved-round.ts';
import { Provenance } from '../../cli/reuse.ts';
import type { Results } from './results.ts';
import { Run } from '../run.ts';
import { finishedResults } from '../../testing/ended-run.ts';

const settings = tinySettings('seq-lora', { epochs: 1 });

async function eventsOf(parts: Partial<RunHost>, work: 'execute' | 'evaluate' = 'execute'): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  await new Run(
    tinyHost((event) => events.push(event), parts),
    settings,
  )[work]();
  return events;
}

/** Two entries of the vocabulary exchanged. */
function withOtherTokenizer(): ModelFiles {
  const model = tinyModel();
  const tokenizer = structuredClone(model.tokenizer) as { model: { vocab: [string, number][] } };
  const { vocab } = tokenizer.model;
  [vocab[4][0], vocab[5][0]] = [vocab[5][0], vocab[4][0]];
  return { ...model, tokenizer };
}
const withOtherEpsilon = (): ModelFiles => {
  const model = tinyModel();
  return { ...model, config: { ...(model.config as object), layer_norm_epsilon: 1e-3 } };
};
const withOtherEnd = (): ModelFiles => ({ ...tinyModel(), generationConfig: { eos_token_id: 3 } });

/** The tiny tasks with one text of a task changed. */
const withOtherTexts =
  (task: string): RunHost['taskReader'] =>
  () =>
  async (path) => {
    const text = await readTinyTask(path);
    const isTest = path.endsWith(`${task}/test.json`);
    return isTest ? text.replace('"sentence":"red ball"', '"sentence":"red roll"') : text;
  };

const OTHER_FILES: [string, Partial<RunHost>, RegExp][] = [
  ['another tokenizer', { openModel: () => Promise.resolve(withOtherTokenizer()) }, /tokenizer\.json/],
  ['another epsilon', { openModel: () => Promise.resolve(withOtherEpsilon()) }, /: config\.json/],
  ['another end of answers', { openModel: () => Promise.resolve(withOtherEnd()) }, /generation_config\.json/],
];
const CHANGES: typeof OTHER_FILES = [
  ...OTHER_FILES,
  ['another test text', { taskReader: withOtherTexts('gloss') }, /question of gloss/],
];

describe('what a run was made of', () => {
  let round: Files;
  let results: Results;
  beforeAll(async () => {
    const run = await runKeepingRounds(settings);
    ({ results } = run);
    [round] = run.rounds.values();
  }, 180_000); // on a new machine the kernels are compiled at first use

  test('is in its results: files of the model and texts of the tasks, but no date without a template', () => {
    const hash = expect.stringMatching(/^[0-9a-f]{64}$/) as string;
    expect(results.model).toMatchObject({
      files: {
        'config.json': hash,
        'tokenizer.json': hash,
        'tokenizer_config.json': hash,
        'generation_config.json': null,
      },
    });
    expect(results.model).not.toHaveProperty('date');
    expect(results.tasks.map(({ texts }) => texts)).toEqual([hash, hash]);
    expect(new Set(results.tasks.map(({ texts }) => texts)).size).toBe(2);
  });

  test.each(OTHER_FILES)(
    '%s: a round is neither resumed nor tested, and the difference is named',
    async (_, parts, reported) => {
      for (const work of ['execute', 'evaluate'] as const) {
        const last = (await eventsOf({ savedRound: () => openRound(round), ...parts }, work)).at(-1);
        expect(last).toMatchObject({ type: 'failed', error: { code: 'run/round-does-not-fit' } });
        expect(last).toMatchObject({ error: { message: expect.stringMatching(reported) as string } });
      }
    },
  );

  test('another test text: a round is not tested on it, but teaches on, with the tests that it holds', async () => {
    const other = { savedRound: () => openRound(round), taskReader: withOtherTexts('gloss') };
    expect((await eventsOf(other, 'evaluate')).at(-1)).toMatchObject({
      type: 'failed',
      error: { code: 'run/round-does-not-fit', message: expect.stringMatching(/question of gloss/) as string },
    });
    const taught = finishedResults(await eventsOf(other));
    expect(taught.accuracy).toEqual(results.accuracy);
    expect(taught.tasks).toEqual(results.tasks);
  });

  test.each(CHANGES)('%s: a checkpoint is not resumed, and the difference is named', async (_, parts, reported) => {
    const checkpoints = memoryCheckpoints(0);
    const run: Run = new Run(
      tinyHost((event) => {
        if (event.type === 'progress' && event.phase === 'train') run.stop();
      }, checkpoints.parts()),
      settings,
    );
    await run.execute();
    const last = (await eventsOf({ ...checkpoints.parts(), ...parts })).at(-1);
    expect(last).toMatchObject({ type: 'failed', error: { code: 'run/checkpoint-does-not-fit' } });
    expect(last).toMatchObject({ error: { message: expect.stringMatching(reported) as string } });
  });

  test('other model files: a round is not merged, exported or asked', async () => {
    const saved = await openRound(round);
    for (const other of [withOtherTokenizer, withOtherEpsilon, withOtherEnd]) {
      await expect(openBaseModel(saved, () => Promise.resolve(other()))).rejects.toMatchObject({
        code: 'run/round-does-not-fit',
      });
    }
    await openBaseModel(saved, () => Promise.resolve(tinyModel()));
  });

  test('is compared with what is there now, for finished runs', async () => {
    const changes = (parts: Partial<RunHost>, run: Results = results): Promise<string | null> =>
      new Provenance(tinyHost(() => undefined, parts)).changes(run);
    expect(await changes({})).toBeNull();
    const found = await Promise.all(CHANGES.map(([, parts]) => changes(parts)));
    expect(found).toEqual(['tokenizer.json', 'config.json', 'generation_config.json', 'the texts of gloss']);
    const ranked = structuredClone(results);
    ranked.tasks[0].score = 'ranked';
    expect(await changes({}, ranked)).toBe(`the main score of ${ranked.tasks[0].name}`);
    const asBefore = structuredClone(results);
    delete asBefore.model.files;
    delete asBefore.model.weights;
    for (const task of asBefore.tasks) delete task.texts;
    expect(await changes({ openModel: () => Promise.resolve(withOtherEpsilon()) }, asBefore)).toBeNull();
  });
});

describe('a chat template that prints the date', () => {
  afterEach(() => vi.useRealTimers());

  const template =
    '{% if strftime_now("%Y") == "2030" %}red {% else %}blue {% endif %}' +
    '{% for m in messages %}{{ m.content }}{% if m.role == "assistant" %}</s>{% else %} {% endif %}{% endfor %}';
  const openModel = (): Promise<ModelFiles> =>
    Promise.resolve({ ...tinyModel(), chatTemplate: () => Promise.resolve(template) });
  const chat = tinySettings('seq-lora', { epochs: 1, promptForm: 'chat' });

  test('prints that of the start of the run, also when it is resumed in another year', async () => {
    const setYear = (year: number): void => void vi.setSystemTime(new Date(year, 5, 1));
    vi.useFakeTimers({ toFake: ['Date'] });
    setYear(2030);
    const whole = await runKeepingRounds(chat, { openModel });
    expect(whole.results.model.date).toBe('2030-06-01T00:00:00');
    const checkpoints = memoryCheckpoints(0);
    const run: Run = new Run(
      tinyHost(
        (event) => {
          if (event.type === 'progress' && event.phase === 'train') run.stop();
        },
        { openModel, ...checkpoints.parts() },
      ),
      chat,
    );
    await run.execute();
    setYear(2031);
    const resumed = await runKeepingRounds(chat, { openModel, ...checkpoints.parts() });
    expect(resumed.results.curves.loss).toEqual(whole.results.curves.loss);
    expect(resumed.results.model.date).toBe(whole.results.model.date);
    const [round] = whole.rounds.values();
    const after = await runKeepingRounds(chat, { openModel, savedRound: () => openRound(round) });
    expect(after.results.curves.loss).toEqual(whole.results.curves.loss);
    const later = await runKeepingRounds(chat, { openModel });
    expect(later.results.curves.loss).not.toEqual(whole.results.curves.loss);
  });
});
