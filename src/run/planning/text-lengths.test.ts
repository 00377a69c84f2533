import { expect, test } from 'vitest';
import type { Task } from '../../tasks/task.ts';
import { committedReference } from '../../testing/reference.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { readTinyTask, tinySettings } from '../../testing/tiny-run.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import type { RunSettings } from '../settings/settings.ts';
import { prepareTask, type TaskHost } from '../tasks/task-data.ts';
import { MOST_COUNTED, textLengths } from './count-lengths.ts';
import { plannedTask } from './planned-work.ts';
import { enoughFor, firstModelDefaults, type TextLengths, withTexts } from './text-lengths.ts';

const reds = (count: number): string => Array.from({ length: count }, () => 'red').join(' ');

/** Texts of 1 to `count` words. */
function ownTask(count: number, more: Partial<Task> = {}): Task {
  const examples = Array.from({ length: count }, (_, i) => ({ sentence: reds(i + 1), label: i % 2 ? 'warm' : 'cold' }));
  const [labels, instruction] = [['warm', 'cold'], 'round or square\n'];
  return { name: 'own', kind: 'TC', instruction, labels, train: examples, dev: [], test: examples, ...more };
}

const hostOf = (own: Task): TaskHost => ({
  taskReader: () => readTinyTask,
  customTask: (name) => Promise.resolve(name === 'own' ? own : undefined),
});

const own = (training: Partial<RunSettings['training']> = {}): RunSettings => ({
  ...tinySettings('gorp', { targetLength: 0, ...training }),
  order: ['own'],
});

test('counts the prompts that the run then cuts, and a length that cuts none', async () => {
  const host = hostOf(ownTask(30));
  const settings = own({ sourceLength: 24 });
  const lengths = await textLengths(host, settings, tinyModel());
  const tokenizer = loadTokenizer(tinyModel().tokenizer, {});
  const warnings = async (sourceLength: number): Promise<string[]> => {
    const said: string[] = [];
    await prepareTask(host, 'own', own({ sourceLength }), tokenizer, (message) => said.push(message));
    return said.filter((one) => one.includes('cut'));
  };
  const [task] = lengths.tasks;
  if ('error' in task) throw new Error(task.error.message);
  expect(task).toMatchObject({ name: 'own', texts: 60, counted: 60, answer: 2, shortened: 0 });
  expect(task.cut).toBeGreaterThan(0);
  expect(await warnings(24)).toEqual([`own: ${task.cut} of 60 texts are cut to fit 24 tokens.`]);
  const enough = enoughFor(lengths) ?? 0;
  expect(enough % 16).toBe(0);
  const [whole] = (await textLengths(host, own({ sourceLength: enough }), tinyModel())).tasks;
  const { promptTokens } = plannedTask(
    await prepareTask(host, 'own', own({ sourceLength: enough }), tokenizer, () => undefined),
  );
  expect(whole).toMatchObject({ mean: promptTokens });
  expect([task.mean <= 24, task.mean < promptTokens], 'as they are cut').toEqual([true, true]);
  expect(await warnings(enough)).toEqual([]);
  expect(await warnings(task.longest ?? 0)).toEqual([]);
  expect(await warnings((task.longest ?? 0) - 1)).toHaveLength(1);
  await expect(warnings(task.question - 1)).rejects.toMatchObject({
    code: 'tasks/prompt-too-long',
    message: expect.stringContaining(`takes ${task.question} tokens`) as string,
  });
});

test('counts a part of many texts, very long ones as the run cuts them, and answers that are shortened', async () => {
  const many = ownTask(1);
  const train = Array.from({ length: 3 * MOST_COUNTED }, () => many.train[0]);
  const [some] = (await textLengths(hostOf({ ...many, train, test: [] }), own(), tinyModel())).tasks;
  expect(some).toMatchObject({ texts: 3 * MOST_COUNTED, counted: MOST_COUNTED, cut: 0 });

  const long = ownTask(2, { test: [{ sentence: reds(20_000), label: 'warm' }] });
  const lengths = await textLengths(hostOf(long), own(), tinyModel());
  expect(lengths.tasks).toMatchObject([{ cut: 1, longest: null }]);
  expect(enoughFor(lengths)).toBeNull();

  const free = ownTask(2, { form: 'free', labels: [], test: [{ sentence: 'red', label: reds(200) }] });
  expect((await textLengths(hostOf(free), own(), tinyModel())).tasks).toMatchObject([{ answer: 201, shortened: 1 }]);
  const text = ownTask(2, { form: 'text', labels: [] });
  expect((await textLengths(hostOf(text), own(), tinyModel())).tasks).toEqual([]);
});

test('names the task that cannot be learned, and counts the others', async () => {
  const settings = { ...own(), order: ['own', 'gloss'] };
  const lengths = await textLengths(hostOf(ownTask(2, { labels: ['warm', 'Warm'] })), settings, tinyModel());
  expect(lengths.tasks).toMatchObject([
    { name: 'own', error: { code: 'tasks/labels-alike' } },
    { name: 'gloss', texts: 12 },
  ]);
});

test('a chosen model brings its template and the length of its texts, until a person enters others', () => {
  const model = 'org/model';
  const counted = { texts: 60, counted: 60, cut: 0, mean: 40, question: 8, answer: 2, shortened: 0 };
  const lengths: TextLengths = {
    tasks: [{ name: 'own', longest: 99, ...counted }],
    hasTemplate: true,
    positions: 2048,
  };
  const settings = { ...own({ sourceLength: 256, promptForm: 'raw' }), model };
  const first = withTexts(settings, firstModelDefaults(model), lengths);
  expect(first.settings.training).toMatchObject({ promptForm: 'chat', sourceLength: 256 });
  const second = withTexts(first.settings, first.modelDefaults, lengths);
  expect(second.settings.training).toMatchObject({ promptForm: 'chat', sourceLength: 112 });

  const longer: TextLengths = { ...lengths, tasks: [{ name: 'own', longest: 600, ...counted }] };
  expect(withTexts(second.settings, second.modelDefaults, longer).settings.training.sourceLength).toBe(256);
  const entered = {
    ...second.settings,
    training: { ...second.settings.training, sourceLength: 64, promptForm: 'raw' as const },
  };
  expect(withTexts(entered, second.modelDefaults, longer).settings).toEqual(entered);
  const small = { ...settings, model: 'embedded' };
  expect(withTexts(small, firstModelDefaults('embedded'), lengths).settings).toBe(small);
});

test('rows that the chat template cannot write are named before the run', async () => {
  const reference = (path: string): unknown => committedReference.json(path);
  const { templates } = committedReference.json<{ templates: Record<string, { chat_template: string }> }>(
    'golden/chat.json',
  );
  const texts = {
    ...tinyModel(),
    config: { ...(reference('golden/qwen3-tiny/config.json') as object), vocab_size: 1000 },
    tokenizer: reference('tokenizers/byte-level-qwen/tokenizer.json'),
    tokenizerConfig: reference('tokenizers/byte-level-qwen/tokenizer_config.json'),
    chatTemplate: () => Promise.resolve(templates['thoughts'].chat_template),
  };
  const turns = [{ role: 'user' as const, content: 'Is it so?' }];
  const examples = (labels: string[]): Task['train'] =>
    labels.map((label, i) => ({ sentence: 'User: Is it so?', label, turns, row: i + 3 }));
  const chat: Partial<Task> = { form: 'chat', labels: [], test: examples(['No.']) };
  const lengthsOf = async (labels: string[]): Promise<TextLengths['tasks'][number]> => {
    const host = hostOf(ownTask(1, { ...chat, train: examples(labels) }));
    return (await textLengths(host, own({ promptForm: 'chat', sourceLength: 64 }), texts)).tasks[0];
  };
  expect(await lengthsOf(['Yes.', '<think>Is it?</think>Yes.'])).toMatchObject({ counted: 3, cut: 0 });
  expect(await lengthsOf(['Yes.', '<think>Is it?', 'Yes.'])).toEqual({
    name: 'own',
    error: expect.objectContaining({
      code: 'tasks/row-unwritable',
      message: expect.stringContaining('row 4 cannot be learned') as string,
    }) as unknown,
  });
});
