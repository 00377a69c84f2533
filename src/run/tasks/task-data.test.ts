import { describe, expect, it } from 'vitest';
import { loadTask, type ReadText } from '../../tasks/benchmark.ts';
import { chainsOf } from '../../tasks/batches.ts';
import type { Task } from '../../tasks/task.ts';
import { ChatTemplate } from '../../text/chat-template.ts';
import type { ChatTurn } from '../../text/chat-turn.ts';
import { chatTokenizer } from '../../text/chat-tokenizer.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import { committedReference } from '../../testing/reference.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { readTinyTask, tinySettings } from '../../testing/tiny-run.ts';
import type { RunSettings, TrainingSettings } from '../settings/settings.ts';
import { answerLengthOf, type EncodedTask, reportOfTask } from './encoded-task.ts';
import { prepareTask, type TaskHost } from './task-data.ts';

const { tokenizer: json } = tinyModel();
const tokenizer = loadTokenizer(json, {});

const hostOf = (read: ReadText, own?: Task): TaskHost => ({
  taskReader: () => read,
  customTask: (name) => Promise.resolve(name === own?.name ? own : undefined),
});

async function prepared(
  name: string,
  training: Partial<TrainingSettings> = {},
  read: ReadText = readTinyTask,
  own?: Task,
): Promise<{ task: EncodedTask; warnings: string[] }> {
  const warnings: string[] = [];
  const warn = (message: string): number => warnings.push(message);
  return {
    task: await prepareTask(hostOf(read, own), name, tinySettings('gorp', training), tokenizer, warn),
    warnings,
  };
}

describe('prepareTask', () => {
  it('notes, without a warning, that texts of embedded tasks are cut at the length that the embedded models have', async () => {
    const rows = JSON.stringify([{ sentence: 'red '.repeat(200), label: 'warm' }]);
    const read = (path: string): Promise<string> =>
      path.endsWith('train.json') ? Promise.resolve(rows) : readTinyTask(path);
    const said = async (settings: RunSettings): Promise<[string, boolean | undefined][]> => {
      const all: [string, boolean | undefined][] = [];
      await prepareTask(hostOf(read), 'gloss', settings, tokenizer, (message, isNote) => all.push([message, isNote]));
      return all.filter(([message]) => message.includes('are cut'));
    };
    const { training, ...tiny } = tinySettings('gorp');
    const embedded = { ...tiny, model: 'embedded', training: { ...training, sourceLength: 96 } };
    expect(await said(embedded)).toEqual([[expect.stringContaining('cut to fit 96 tokens'), true]]);
    const shorter = { ...embedded, training: { ...training, sourceLength: 80 } };
    for (const other of [{ ...embedded, model: 'org/name' }, shorter])
      expect(await said(other)).toEqual([[expect.stringContaining('are cut'), false]]);
  });

  it('encodes every example, and the labels as candidates that end', async () => {
    const { task } = await prepared('field');
    expect(task.candidates.map((ids) => tokenizer.decode(ids))).toEqual(task.labels);
    expect(task.candidates.every((ids) => ids.at(-1) === tokenizer.eosId)).toBe(true);
    expect(task.asked).toHaveLength(task.test.length);
    task.test.forEach(({ label }, i) => {
      expect(label).toEqual(task.candidates[task.labels.indexOf(task.asked[i].label)]);
    });
    const text = tokenizer.decode(task.train[0].source);
    expect(text).toContain('round ball');
    expect(reportOfTask(task)).toEqual({
      name: 'field',
      kind: 'TC',
      labels: ['roll', 'stand', 'ball box'],
      trainExamples: 5,
      testExamples: 5,
      texts: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      labelTokens: 3,
    });
  });

  it('never cuts a label: the answer length follows from the labels, or refuses them', async () => {
    for (const targetLength of [0, 3]) {
      const { task } = await prepared('field', { targetLength });
      expect(task.candidates.map((ids) => tokenizer.decode(ids))).toEqual(['roll', 'stand', 'ball box']);
      expect(task.train.map(({ label }) => label.length)).toEqual([2, 2, 3, 2, 2]);
      expect(answerLengthOf(targetLength, [task])).toBe(targetLength === 0 ? 4 : 3);
    }
    await expect(prepared('field', { targetLength: 2 })).rejects.toMatchObject({
      code: 'tasks/label-too-long',
      message: expect.stringMatching(/field.*“ball box” takes 3 tokens.*at most 2/) as string,
      nextStep: expect.stringContaining('to 3 or more, or to 0') as string,
    });
  });

  it('makes room for the longest label of all tasks', () => {
    const ofLength = (length: number) => ({ form: 'labels' as const, longestAnswer: length });
    expect(answerLengthOf(0, [ofLength(3), ofLength(11)])).toBe(11);
    expect(answerLengthOf(0, [ofLength(2)])).toBe(4); // as before answers could be longer
    expect(answerLengthOf(50, [ofLength(11)])).toBe(50);
  });

  it('draws other training examples with another seed, but always the same test examples', async () => {
    const sizes = { trainExamples: 2, testExamples: 2 };
    const tasks: EncodedTask[] = [];
    for (let seed = 0; seed < 8; seed++) tasks.push((await prepared('gloss', { ...sizes, seed })).task);
    const different = (pick: (task: EncodedTask) => unknown): number =>
      new Set(tasks.map((task) => JSON.stringify(pick(task)))).size;
    expect(different(({ train }) => train)).toBeGreaterThan(1);
    expect(different(({ test }) => test)).toBe(1);
    for (const { train, asked } of tasks) {
      expect(train).toHaveLength(2);
      expect(new Set(asked.map(({ label }) => label)).size).toBe(2); // balanced
    }
  });

  it('reports rows whose label is not listed and texts that are cut', async () => {
    const long = `${'red '.repeat(40)}ball`;
    const rows = JSON.stringify([
      { sentence: long, label: 'warm' },
      { sentence: 'blue ball', label: 'cold' },
      { sentence: 'blue box', label: '-' },
    ]);
    const read = (path: string): Promise<string> =>
      path.endsWith('train.json') ? Promise.resolve(rows) : readTinyTask(path);
    const { task, warnings } = await prepared('gloss', {}, read);
    expect(task.train).toHaveLength(2);
    expect(task.train[0].source).toHaveLength(24);
    expect(warnings).toHaveLength(3); // the tiny tasks test what they train
    expect(warnings[0]).toMatch(/^gloss: 1 row of the train set is left out.*“-”/);
    expect(warnings[2]).toMatch(/^gloss: 1 of 8 texts are cut to fit 24 tokens/);
  });

  it('says when an accuracy means little: tests that are trained on, or have one label only', async () => {
    const rows = (...texts: [string, string][]): string =>
      JSON.stringify(texts.map(([sentence, label]) => ({ sentence, label })));
    const reading =
      (test: string): ReadText =>
      (path) => {
        if (path.endsWith('train.json')) return Promise.resolve(rows(['red ball', 'warm'], ['blue ball', 'cold']));
        return path.endsWith('test.json') ? Promise.resolve(test) : readTinyTask(path);
      };
    const said = async (test: string): Promise<string[]> => (await prepared('gloss', {}, reading(test))).warnings;
    expect(await said(rows(['red box', 'warm'], ['blue box', 'cold']))).toEqual([]);
    expect(await said(rows(['red ball', 'warm'], ['blue box', 'cold']))).toEqual([
      expect.stringMatching(/^gloss: 1 of 2 test texts are also trained on/),
    ]);
    expect(await said(rows(['Red  ball.', 'warm'], ['blue ball', 'cold'], ['?', 'cold'], ['!', 'cold']))).toEqual([
      expect.stringMatching(/^gloss: 1 of 4 test texts are also trained on/),
      expect.stringMatching(/^gloss: 1 of 4 test texts differ from a trained one only in case/),
    ]);
    expect(await said(rows(['red box', 'warm'], ['red', 'warm']))).toEqual([
      expect.stringMatching(/^gloss: All tests have the label “warm”/),
    ]);
  });

  it('says how many free answers are longer than the model may write', async () => {
    const examples = ['red', 'red ball '.repeat(20)].map((label, i) => ({ sentence: `blue ${i}`, label }));
    const task: Task = {
      name: 'own',
      kind: 'QA',
      instruction: null,
      labels: [],
      form: 'free',
      train: examples,
      dev: [],
      test: [{ sentence: 'ball', label: 'blue' }],
    };
    const { task: ready, warnings } = await prepared('own', { targetLength: 6, trainExamples: 0 }, readTinyTask, task);
    expect(warnings).toEqual(['own: 1 of 3 answers are longer than 6 tokens, and are learned and tested so far only.']);
    expect(ready.train.map(({ label }) => label.length)).toEqual([expect.any(Number), 6]);
  });

  it('refuses a dataset with a single label', async () => {
    const read: ReadText = (path) => (path.endsWith('labels.json') ? Promise.resolve('["warm"]') : readTinyTask(path));
    await expect(prepared('gloss', {}, read)).rejects.toMatchObject({ code: 'tasks/one-label' });
  });

  it('finds embedded tasks, those of a chosen folder, and no others', async () => {
    for (const name of ['agnews', 'constructor', '']) {
      await expect(prepared(name)).rejects.toThrow(
        expect.objectContaining({ code: 'tasks/unknown-dataset', message: expect.stringContaining(name) as string }),
      );
    }
    const settings = { ...tinySettings('gorp'), tasks: 'https://example.org/tasks' };
    const paths: string[] = [];
    const read = (path: string): Promise<string> => {
      paths.push(path);
      return readTinyTask(path.replace('agnews', 'gloss'));
    };
    const task = await prepareTask(hostOf(read), 'agnews', settings, tokenizer, () => undefined);
    expect(task).toMatchObject({ name: 'agnews', kind: 'TC' });
    expect(paths).toContain('CL_Benchmark/TC/agnews/train.json');
  });

  it('refuses a name that may mean a custom task or another', async () => {
    const named = (name: string, tasks: string): Promise<EncodedTask> => {
      const own = { name, kind: 'QA', instruction: null, labels: ['warm', 'cold'], dev: [] };
      const rows = [
        { sentence: 'red', label: 'warm' },
        { sentence: 'blue', label: 'cold' },
      ];
      const host = hostOf(readTinyTask, { ...own, train: rows, test: rows });
      return prepareTask(host, name, { ...tinySettings('gorp'), tasks }, tokenizer, () => undefined);
    };
    const code = 'tasks/name-taken';
    await expect(named('gloss', 'embedded')).rejects.toMatchObject({ code });
    await expect(named('FOMC', 'folder')).rejects.toMatchObject({
      code,
      message: expect.stringContaining('a dataset of TRACE') as string,
    });
    expect(await named('FOMC', 'embedded'), 'no folder could be meant').toMatchObject({ kind: 'QA' });
    expect(await named('colours', 'folder')).toMatchObject({ kind: 'QA' });
  });

  it('draws of a watched task what the method protects, and says where there is nothing to draw', async () => {
    const of = async (protects: 'earlier' | 'watched', own?: Task) => {
      const { name } = own ?? { name: 'people' };
      const settings = { ...tinySettings('gorp-plus', { trainExamples: 1 }, { protects }), watch: [name] };
      const warnings: string[] = [];
      const warn = (message: string): number => warnings.push(message);
      return { task: await prepareTask(hostOf(readTinyTask, own), name, settings, tokenizer, warn), warnings };
    };
    const free = await of('earlier');
    expect([free.task.train, free.task.protects, free.warnings]).toEqual([[], [], []]);
    const { task, warnings } = await of('watched');
    expect([task.train.length, task.protects.length, warnings]).toEqual([0, 4, []]);
    expect(reportOfTask(task)).toMatchObject({ trainExamples: 0, protectedExamples: 4, watched: true });
    expect({ ...task, protects: [] }).toEqual(free.task);
    const { task: people } = await loadTask(readTinyTask, 'TC', 'people');
    const none = await of('watched', { ...people, name: 'mine', train: [] });
    expect(none.task.protects).toEqual([]);
    expect(none.warnings).toEqual([expect.stringContaining('is not protected')]);
  });

  it('finds custom tasks by name, alongside the others', async () => {
    const { task: loaded } = await loadTask(readTinyTask, 'TC', 'gloss');
    const own: Task = { ...loaded, name: 'mine' };
    const host = hostOf(readTinyTask, own);
    const settings = { ...tinySettings('gorp'), order: ['gloss', 'mine'] };
    const encoded = await prepareTask(host, 'mine', settings, tokenizer, () => undefined);
    expect(reportOfTask(encoded)).toMatchObject({ name: 'mine', kind: 'TC', trainExamples: loaded.train.length });
    expect((await prepareTask(host, 'gloss', settings, tokenizer, () => undefined)).name).toBe('gloss');
  });
});

describe('prompts that the model may answer itself to replay its answers', () => {
  const settings = tinySettings('er', {}, { replaySource: 'self' });
  const taskOf = (form: 'chat' | 'text', train: Task['train']): Task => ({
    name: 'own',
    kind: 'OWN',
    instruction: null,
    labels: [],
    form,
    dev: [],
    test: train,
    train,
  });
  const prepare = async (own: Task, source: 'self' | 'general' = 'self'): Promise<EncodedTask> => {
    const method = { ...settings.method, replaySource: source };
    return prepareTask(
      hostOf(readTinyTask, own),
      'own',
      { ...settings, method, order: ['own'] },
      tokenizer,
      () => undefined,
    );
  };
  const asks: ChatTurn = { role: 'user', content: 'red ball' };
  const answers: ChatTurn = { role: 'assistant', content: 'warm' };

  it('are all of a task with labels, and of a conversation those before its first answer', async () => {
    const labelled = await prepareTask(hostOf(readTinyTask), 'gloss', settings, tokenizer, () => undefined);
    expect(labelled.answerless).toBeUndefined();
    const talk = taskOf('chat', [
      { sentence: '', label: 'warm', turns: [asks] },
      { sentence: '', label: 'cold', turns: [asks, answers, asks] },
    ]);
    const { train, answerless } = await prepare(talk);
    expect([train.length, answerless?.length]).toEqual([2, 1]);
    const [short] = train.toSorted((a, b) => a.source.length - b.source.length);
    expect(answerless).toEqual([short]);
  });

  it('a task without any is refused by name, but not for general prompts', async () => {
    const text = taskOf('text', [{ sentence: '', label: 'red ball blue box red ball blue box' }]);
    const late = taskOf('chat', [{ sentence: '', label: 'cold', turns: [answers, asks] }]);
    for (const [task, why] of [
      [text, /a text has none/],
      [late, /earlier answer of its conversation/],
    ] as const) {
      await expect(prepare(task)).rejects.toMatchObject({
        code: 'tasks/no-prompts',
        message: expect.stringMatching(why) as string,
        nextStep: expect.stringContaining('method.replaySource') as string,
      });
      expect((await prepare(task, 'general')).train.length).toBeGreaterThan(0);
    }
  });
});

describe('conversations in a chat template that adds and removes thoughts', () => {
  const folder = 'tokenizers/byte-level-qwen';
  const [json, config] = ['tokenizer', 'tokenizer_config'].map((name) =>
    committedReference.json(`${folder}/${name}.json`),
  );
  const raw = loadTokenizer(json, config, 'begun');
  const { templates } = committedReference.json<{ templates: Record<string, { chat_template: string }> }>(
    'golden/chat.json',
  );
  const before: ChatTurn[] = [{ role: 'user', content: 'Is it so?' }];
  const answers = (labels: readonly string[]): Task['train'] =>
    labels.map((label, i) => ({ sentence: 'User: Is it so?\nAssistant:', label, turns: before, row: i + 1 }));
  const taskOf = (labels: readonly string[]): Task => ({
    name: 'own',
    kind: 'CHAT',
    instruction: null,
    labels: [],
    form: 'chat',
    dev: [],
    train: answers(labels),
    test: [{ sentence: 'User: Why?\nAssistant:', label: 'No.', turns: [{ role: 'user', content: 'Why?' }] }],
  });
  const prepare = async (labels: readonly string[]): Promise<{ task: EncodedTask; warnings: string[] }> => {
    const chat = chatTokenizer(raw, await ChatTemplate.read(templates['thoughts'].chat_template));
    const warnings: string[] = [];
    const settings = { ...tinySettings('gorp', { sourceLength: 64, targetLength: 32 }), order: ['own'] };
    const host = hostOf(readTinyTask, taskOf(labels));
    return { task: await prepareTask(host, 'own', settings, chat, (message) => warnings.push(message)), warnings };
  };
  const text = ({ source, label }: EncodedTask['train'][number]): [string, string] => [
    raw.decodeWhole(source),
    raw.decodeWhole(label),
  ];

  it('learn a thought once, with the template’s spaces, and none after an empty one', async () => {
    const { task, warnings } = await prepare([
      'It is.',
      '<think>Is it?</think>It is.',
      '<think>\n\n</think>\n\nIt is.',
    ]);
    const [opened, answer] = ['<|im_start|>user\nIs it so?<|im_end|>\n<|im_start|>assistant\n', 'It is.<|im_end|>'];
    expect(task.train.map(text).sort()).toEqual(
      [
        [opened, `<think>\nIs it?\n</think>\n\n${answer}`],
        [`${opened}<think>\n\n</think>\n\n`, answer],
        [`${opened}<think>\n\n</think>\n\n`, answer],
      ].sort(),
    );
    expect(warnings).toEqual([]);
  });

  it('test what was learned: the answer as the template writes it', async () => {
    const chat = chatTokenizer(raw, await ChatTemplate.read(templates['thoughts'].chat_template));
    const own = { ...taskOf(['It is.']), test: answers(['<think>Is it?</think>It is.']) };
    const settings = { ...tinySettings('gorp', { sourceLength: 64, targetLength: 32 }), order: ['own'] };
    const { asked } = await prepareTask(hostOf(readTinyTask, own), 'own', settings, chat, () => undefined);
    expect(asked.map(({ label }) => label)).toEqual(['<think>\nIs it?\n</think>\n\nIt is.']);
  });

  it('are refused before the run, all rows by their numbers, where a second thought would be learned', async () => {
    await expect(prepare(['It is.', '<think>Is it', 'So.', '<think>', 'Yes.'])).rejects.toMatchObject({
      code: 'tasks/row-unwritable',
      message: expect.stringMatching(/^Task own: rows 2, 4 cannot be learned: .* a thought of its own/) as string,
      nextStep: expect.stringContaining('Correct or remove these rows in the file') as string,
    });
  });

  it('are read as one text where the template writes the history as a beginning of the whole', async () => {
    const answered = (thought: string): Task['train'] => {
      const turns: ChatTurn[] = [
        ...before,
        { role: 'assistant', content: `${thought}It is.` },
        { role: 'user', content: 'Why?' },
        { role: 'assistant', content: `${thought}So.` },
        { role: 'user', content: 'Yes?' },
      ];
      return [1, 3, 5].map((end) => ({ sentence: '', label: `${thought}Yes.`, turns: turns.slice(0, end) }));
    };
    const chainsIn = async (template: string, thought: string): Promise<number[]> => {
      const own = {
        ...taskOf([]),
        train: answered(thought).map((one, i, all) => {
          const said = i < 2 ? all[i + 1].turns?.[1 + 2 * i].content : undefined;
          return { ...one, label: said ?? one.label };
        }),
      };
      const chat = chatTokenizer(raw, await ChatTemplate.read(template));
      const settings = { ...tinySettings('gorp', { sourceLength: 256, targetLength: 32 }), order: ['own'] };
      const { train } = await prepareTask(hostOf(readTinyTask, own), 'own', settings, chat, () => undefined);
      return chainsOf(train)
        .map(({ length }) => length)
        .sort();
    };
    expect(await chainsIn(templates['chatml'].chat_template, '')).toEqual([3]);
    // This template leaves the thoughts of earlier answers out, so that no text begins with them.
    expect(await chainsIn(templates['thoughts'].chat_template, '<think>Is it?</think>')).toEqual([1, 1, 1]);
  });

  it('name the answers of which the template leaves out a part', async () => {
    const { warnings } = await prepare(['It is.', 'So.<think>Is it?</think>It is.']);
    expect(warnings).toEqual([expect.stringContaining('leaves out a part of 1 of 3 answers')]);
  });
});
