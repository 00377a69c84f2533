import { parquetWriteBuffer } from 'hyparquet-writer';
import { makeCustomTask } from '../../src/tasks/custom-task.ts';
import { recognise } from '../../src/tasks/formats/recognise.ts';
import { likelySpec } from '../../src/tasks/likely-spec.ts';
import { readTableFile, tableOf } from '../../src/tasks/table.ts';
import { encode, type Kind } from './mutate.ts';

const NUMBERS = Array.from({ length: 12 }, (_, i) => i);

/** Files of examples of every form, opened as `gorp-web data` does and made into tasks. */
export function dataKinds(): Kind[] {
  const say = (role: string, content: string): object => ({ role, content });
  const chat = NUMBERS.map((i) =>
    JSON.stringify({
      messages: [say('system', 'Be brief.'), say('user', `Is ${i} odd?`), say('assistant', i % 2 ? 'Yes' : 'No')],
    }),
  );
  const superNi = {
    Definition: ['Say whether the number is odd.'],
    Instances: NUMBERS.map((i) => ({ input: `${i}`, output: [i % 2 ? 'odd' : 'even', 'a number'] })),
  };
  const squad = {
    version: '1.1',
    data: NUMBERS.map((i) => ({
      paragraphs: [{ context: `It is ${i}.`, qas: [{ question: `What is it ${i}?`, answers: [{ text: `${i}` }] }] }],
    })),
  };
  const chatGpt = NUMBERS.map((i) => ({
    title: `${i}`,
    current_node: 'answer',
    mapping: {
      root: { parent: null, children: ['question'], message: null },
      question: { parent: 'root', children: ['answer'], message: exported('user', `Is ${i} odd?`) },
      answer: { parent: 'question', children: [], message: exported('assistant', i % 2 ? 'Yes' : 'No') },
    },
  }));
  const claude = NUMBERS.map((i) => ({
    name: `${i}`,
    chat_messages: [
      { uuid: 'a', sender: 'human', content: [{ type: 'text', text: `Is ${i} odd?` }] },
      { uuid: 'b', parent_message_uuid: 'a', sender: 'assistant', text: i % 2 ? 'Yes' : 'No' },
    ],
  }));
  const columns = {
    columnData: [
      { name: 'text', data: NUMBERS.map((i) => `Grüße ${i}`), type: 'STRING' as const },
      { name: 'label', data: NUMBERS.map((i) => i % 3), type: 'INT32' as const },
      { name: 'id', data: NUMBERS.map((i) => 2n ** 60n + BigInt(i)), type: 'INT64' as const },
    ],
  };
  const parquet = [parquetWriteBuffer(columns), parquetWriteBuffer({ ...columns, codec: 'UNCOMPRESSED' })];
  return [
    {
      name: 'Parquet',
      sound: parquet.map((buffer) => new Uint8Array(buffer)),
      isJson: false,
      use: asTask('mine.parquet'),
    },
    { name: 'conversations', sound: [encode(chat.join('\n'))], isJson: false, use: asTask('mine.jsonl') },
    ...Object.entries({ SuperNI: superNi, SQuAD: squad, 'ChatGPT’s export': chatGpt, 'Claude’s export': claude }).map(
      ([name, json]): Kind => ({ name, sound: [encode(JSON.stringify(json))], isJson: true, use: asTask('mine.json') }),
    ),
    {
      name: 'text',
      sound: [encode(NUMBERS.map((i) => `Line ${i} of a text.\n`).join(''))],
      isJson: false,
      use: asTask('mine.txt'),
    },
  ];
}

/** A message as ChatGPT exports it. */
const exported = (role: string, text: string): object => ({
  author: { role },
  content: { content_type: 'text', parts: [text] },
  metadata: {},
  recipient: 'all',
});

const asTask =
  (name: string) =>
  async (bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    const file = await readTableFile(name, bytes);
    const table = tableOf(file, true);
    makeCustomTask(table, likelySpec(file, recognise(table), []));
  };
