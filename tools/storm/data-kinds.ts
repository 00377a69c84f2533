import { parquetWriteBuffer } from 'hyparquet-writer';
import { makeCustomTask } from '../../src/tasks/custom-task.ts';
import { recognise } from '../../src/tasks/formats/recognise.ts';
import { likelySpec } from '../../src/tasks/likely-spec.ts';
import { readTableFile, tableOf } from '../../src/tasks/table.ts';
import { encode, type Kind } from './kind.ts';

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
    { name: 'SuperNI', sound: [encode(JSON.stringify(superNi))], isJson: true, use: asTask('mine.json') },
    {
      name: 'text',
      sound: [encode(NUMBERS.map((i) => `Line ${i} of a text.\n`).join(''))],
      isJson: false,
      use: asTask('mine.txt'),
    },
  ];
}

const asTask =
  (name: string) =>
  async (bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    const file = await readTableFile(name, bytes);
    const table = tableOf(file, true);
    makeCustomTask(table, likelySpec(file, recognise(table), []));
  };
