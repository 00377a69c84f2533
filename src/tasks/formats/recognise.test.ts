import { describe, expect, it } from 'vitest';
import { previewOf } from '../preview.ts';
import { readTableFile } from '../table.ts';
import { recognise } from './recognise.ts';

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const open = (name: string, content: string) => readTableFile(name, utf8(content));
const rows = (...objects: object[]): string => JSON.stringify(objects);
const turns = [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Yes' }]; // oxfmt-ignore
const chatGpt = Object.fromEntries(
  turns.map(({ role, content }, i) => [
    `${i}`,
    {
      parent: `${i - 1}`,
      children: i === 0 ? ['1'] : [],
      message: { author: { role }, content: { parts: [content] } },
    },
  ]),
);
/** As many answers as there are rows. */
const free = (make: (i: number) => object): string => rows(...Array.from({ length: 12 }, (_, i) => make(i)));

describe('a file of a known format', () => {
  it.each<[string, string, string, object]>([
    [
      'Alpaca',
      'a.json',
      free((i) => ({ instruction: `Do ${i}`, input: 'x', output: `done ${i}` })),
      { form: 'free', textColumn: 'instruction', inputColumn: 'input', labelColumn: 'output', frame: 'answer' },
    ],
    [
      'prompt and completion',
      'a.jsonl',
      '{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "d"}\n',
      { form: 'free', textColumn: 'prompt', inputColumn: null, labelColumn: 'completion', frame: 'bare' },
    ],
    [
      'question and answer',
      'a.csv',
      'Question,Answer\nWho?,Me.\nWhen?,Now.\n',
      { form: 'free', textColumn: 'Question', labelColumn: 'Answer' },
    ],
    [
      'question and answer',
      'squad.json',
      rows({ question: 'Who?', context: 'Me.', answers: { text: ['Me', 'I'], answer_start: [0] } }),
      { form: 'free', textColumn: 'question', inputColumn: 'context', labelColumn: 'answers' },
    ],
    [
      'SuperNI',
      'a.jsonl',
      '{"definition": "Do.", "input": "a", "output": "b"}\n{"definition": "Do.", "input": "c", "output": "d"}\n',
      { textColumn: 'input', inputColumn: null, labelColumn: 'output', frame: 'super-ni', instruction: 'Do.' },
    ],
    [
      'instructions', // each row has its own
      'a.jsonl',
      '{"definition": "Do.", "input": "a", "output": "b"}\n{"definition": "Undo.", "input": "c", "output": "d"}\n',
      { textColumn: 'definition', inputColumn: 'input', labelColumn: 'output', frame: 'answer', instruction: null },
    ],
    ['TRACE', 'a.json', rows({ prompt: 'a', answer: 'b' }), { form: 'free', labelColumn: 'answer', frame: 'bare' }],
    ['messages', 'a.jsonl', `${JSON.stringify({ messages: turns })}\n`, { form: 'chat', textColumn: 'messages' }],
    [
      'ShareGPT',
      'a.json',
      rows({ id: 'x', conversations: [{ from: 'human', value: 'Hi' }, { from: 'gpt', value: 'Yes' }] }), // oxfmt-ignore
      { form: 'chat', textColumn: 'conversations' },
    ],
    [
      'question and answer',
      'train-v1.1.json',
      JSON.stringify({
        data: [{ paragraphs: [{ context: 'Me.', qas: [{ question: 'Who?', answers: [{ text: 'Me' }] }] }] }],
      }),
      { form: 'free', textColumn: 'question', inputColumn: 'context', labelColumn: 'answers' },
    ],
    [
      'preferences',
      'dpo.jsonl',
      '{"prompt": "a", "chosen": "b", "rejected": "x"}\n{"prompt": "c", "chosen": "d", "rejected": "y"}\n',
      { form: 'free', textColumn: 'prompt', labelColumn: 'chosen', frame: 'bare' },
    ],
    [
      'preferences',
      'dpo.json',
      rows({ prompt: 'Hi', chosen: turns, rejected: turns }),
      { form: 'chat', textColumn: 'chosen' },
    ],
    [
      'plain text',
      'hh.jsonl',
      '{"chosen": "Human: a", "rejected": "Human: b"}',
      { form: 'text', textColumn: 'chosen' },
    ],
    [
      'ChatGPT’s export',
      'conversations.json',
      rows({ title: 'x', mapping: chatGpt }),
      { form: 'chat', textColumn: 'mapping' },
    ],
    [
      'Claude’s export',
      'conversations.json',
      rows({ name: 'x', chat_messages: [{ sender: 'human', text: 'Hi' }, { sender: 'assistant', text: 'Yes' }] }), // oxfmt-ignore
      { form: 'chat', textColumn: 'chat_messages' },
    ],
    ['plain text', 'a.jsonl', '{"text": "A long story."}\n{"text": "More."}', { form: 'text', textColumn: 'text' }],
    ['plain text', 'notes.md', '# Fish\n\nThey, swim.\n', { form: 'text', textColumn: 'text' }],
    ['plain text', 'notes.txt', 'a,b\nc,d\n', { form: 'text', textColumn: 'text' }],
    [
      'SuperNI',
      'train.json',
      JSON.stringify({ Definition: [' Answer it. '], Instances: [{ id: 'a', input: 'Who?', output: ['Me', 'I'] }] }),
      { form: 'free', textColumn: 'input', labelColumn: 'output', frame: 'super-ni', instruction: 'Answer it.' },
    ],
  ])('is recognised: %s', async (format, name, content, columns) => {
    const preview = previewOf(await open(name, content), true, null);
    expect(preview).toMatchObject({ format, ...columns, problem: null });
    expect(preview.found?.labels).toEqual([]);
  });

  it('has labels if its answers are few, unless its format is published with free ones', async () => {
    const few = (answer: string) =>
      free((i) => ({ instruction: `q ${i}`, prompt: `q ${i}`, [answer]: i % 2 ? 'yes' : 'no' }));
    expect(previewOf(await open('a.json', few('output')), true, null)).toMatchObject({ form: 'labels' });
    expect(previewOf(await open('a.json', few('answer')), true, null)).toMatchObject({ form: 'free' });
  });
});

describe('a table of no known format', () => {
  const guess = async (content: string) => {
    const { columns, rows: cells, lines, nested } = await open('a.json', content);
    return recognise({ columns: columns ?? [], rows: cells, lines, nested, warnings: [] });
  };

  it('does not take sixty different summaries for sixty labels', async () => {
    const summaries = Array.from({ length: 60 }, (_, i) => ({
      document: `long ${i} `.repeat(9),
      summary: `short ${i}`,
    }));
    expect(await guess(rows(...summaries))).toMatchObject({ form: 'free', labelColumn: 'summary', format: null });
  });

  it('prefers a column that is named as labels are, and asks what its labels answer', async () => {
    const [topic, sentiment] = [/^What is the topic/, /^What is the sentiment/].map(
      (pattern) => expect.stringMatching(pattern) as string,
    );
    const many = (row: (i: number) => object) => guess(free(row));
    expect(await many((i) => ({ id: i % 2, body: `some words ${i}`, gold_label: `c${i % 3}` }))).toMatchObject({
      form: 'labels',
      textColumn: 'body',
      labelColumn: 'gold_label',
      kind: { kind: 'TC', instruction: topic },
    });
    // An average of stars has many values, what was meant by the class has few.
    expect(
      await many((i) => ({ words: `some words ${i}`, starsAverage: `${i}.${i}`, className: `c${i % 3}` })),
    ).toMatchObject({ labelColumn: 'className' });
    expect(
      await many((i) => ({ review: `some words ${i}`, stars: `${i % 2}`, sentiment: i % 2 ? 'good' : 'bad' })),
    ).toMatchObject({ labelColumn: 'sentiment' });
    expect(await many((i) => ({ classroom: `room ${i % 2}`, label: i % 2 ? 'good' : 'bad' }))).toMatchObject({
      textColumn: 'classroom',
      labelColumn: 'label',
      kind: { kind: 'SC', instruction: sentiment },
    });
    expect(await many((i) => ({ words: `some words ${i}`, emotion: `e${i % 3}` }))).toMatchObject({
      kind: { kind: 'TC', instruction: 'What is the emotion of the following paragraph? Choose one from the option.' },
    });
  });

  it('takes neither an id nor a list or an object for a text or an answer', async () => {
    const many = (row: (i: number) => object) => guess(free(row));
    expect(
      await many((i) => ({ questionId: i, query: `what is ${i}`, meta: { long: 'words '.repeat(9) }, reply: `${i}` })),
    ).toMatchObject({ form: 'free', textColumn: 'query', labelColumn: 'reply' });
    expect(await many((i) => ({ id: i, document: `some words ${i}` }))).toMatchObject({
      form: 'text',
      textColumn: 'document',
      labelColumn: '',
    });
    // Unless its name says that it is a label, or nothing else is there.
    expect(await many((i) => ({ words: `some words ${i}`, label_id: i % 3 }))).toMatchObject({
      form: 'labels',
      textColumn: 'words',
      labelColumn: 'label_id',
    });
    expect(await many((i) => ({ id: i, turns: [`some words ${i}`], kind: `k${i % 3}` }))).toMatchObject({
      form: 'labels',
      textColumn: 'turns',
      labelColumn: 'kind',
    });
    expect(await many((i) => ({ id: i, uuid: `u${i % 3}` }))).toMatchObject({ labelColumn: 'uuid' });
  });

  it('takes a column with few values for the labels', async () => {
    const found = await guess(free((i) => ({ words: `some words ${i}`, mood: i % 3 ? 'good' : 'bad' })));
    expect(found).toMatchObject({ form: 'labels', textColumn: 'words', labelColumn: 'mood' });
  });
});
