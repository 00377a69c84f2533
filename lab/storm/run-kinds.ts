import { joined } from '../../src/base/pieces.ts';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { gzipSync } from 'node:zlib';
import { parseResultsFile, runsIn } from '../../src/app/state/results-file.ts';
import { adapterTensor } from '../../src/gorp/part/state.ts';
import { positionAt, ROUND_FILE } from '../../src/run/files/layout.ts';
import { checkCanContinue, checkRemembered, openSavedRound } from '../../src/run/files/saved-round.ts';
import { type RunState, stateFiles } from '../../src/run/files/saved-run.ts';
import { embeddedSettings } from '../../src/run/planning/presets.ts';
import { type Results, lineOf } from '../../src/run/results/results.ts';
import { makeCustomTask } from '../../src/tasks/custom-task.ts';
import { recognise } from '../../src/tasks/formats/recognise.ts';
import { likelySpec } from '../../src/tasks/likely-spec.ts';
import { readTableFile, tableOf } from '../../src/tasks/table.ts';
import { bytesOfFile, memoryFile } from '../../src/testing/output-files.ts';
import { resultsOfScript } from '../../src/testing/scripted-results.ts';
import { ChatTemplate } from '../../src/text/chat-template.ts';
import { unzipped } from '../../src/weights/exports/unzip.ts';
import { zipped } from '../../src/weights/exports/zip.ts';
import { encode, type Kind } from './mutate.ts';

const TEMPLATE = `{{ bos_token }}{% set ns = namespace(all=[], found=false) %}{% for m in messages %}
{%- if loop.first and m['role'] != 'system' %}{{ '<|system|>\\n' ~ strftime_now('%d %b %Y') }}{% endif %}
{%- set ns.all = ns.all + [m] %}{% for i in range(2) %}{{ m.content.replace('a', 'b') | indent(4) | trim }}{% endfor %}
{{- ns.all | map(attribute='content') | join(', ') }}{{ m | tojson(indent=2) }}{{ m.content[:5] | upper }}
{%- endfor %}{% macro end(x) %}<|{{ x }}|>{% endmacro %}{{ end('im_end') }}{% if add_generation_prompt %}A:{% endif %}`;

/** Returns the kinds of files that a run, or a page, reads besides models and tables. */
export async function runKinds(): Promise<Kind[]> {
  const results = resultsOfScript(embeddedSettings('quick', 'seq-lora'));
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const file of stateFiles(stateOf(results), 'round').files) files.set(file.path, await bytesOfFile(file));
  const archive = await joined(zipped(stateFiles(stateOf(results), 'round').files));
  return [
    {
      name: 'results file',
      sound: [encode(JSON.stringify(results))],
      isJson: true,
      use: (bytes) => parseResultsFile(new TextDecoder().decode(bytes), 'results.json'),
    },
    ...partKinds(results),
    {
      name: 'chat template',
      sound: [encode(TEMPLATE)],
      isJson: false,
      use: async (bytes) => {
        const template = await ChatTemplate.read(new TextDecoder().decode(bytes));
        const turns = [{ role: 'user' as const, content: 'Is it a warm text?\nAnswer:' }];
        template.render(turns, { addGenerationPrompt: true, tokens: { bos_token: '<s>' } });
      },
    },
    {
      name: 'zip',
      sound: [archive],
      isJson: false,
      use: async (bytes) => {
        for (const { open } of await unzipped(new Blob([bytes]))) await (await open()).arrayBuffer();
      },
    },
    ...[...files].map(([changed, content]): Kind => ({
      name: `round folder, ${changed}`,
      sound: [content],
      isJson: changed === ROUND_FILE,
      use: async (bytes) => {
        const round = await openSavedRound((path) => {
          const found = path === changed ? bytes : files.get(path);
          return Promise.resolve(found ? memoryFile(path, found) : null);
        });
        const order = [...results.settings.order, 'emoji'];
        checkCanContinue(round, { ...results.settings, order });
        checkRemembered(round.state.learner.progress.examples, 24);
        await round.state.check();
        for (const layer of round.changed) await round.changes.adapter(layer);
      },
    })),
  ];
}

/** A part of a study, plain and packed. */
function partKinds(results: Results): Kind[] {
  const text = ['one', 'two'].map((run) => lineOf({ run, results: { ...results, health: [], spaces: [] } })).join('');
  const kind = (file: string, sound: Uint8Array<ArrayBuffer>): Kind => ({
    name: `part of a study, ${file}`,
    sound: [sound],
    isJson: false,
    use: (bytes) => runsIn(new File([bytes], file)),
  });
  return [kind('part.jsonl', encode(text)), kind('part.jsonl.gz', new Uint8Array(gzipSync(text)))];
}

/** A round of one adapter that remembers one example. */
function stateOf(results: Results): RunState {
  const progress = { task: 1, step: 0, totalSteps: 4, training: false, isProtected: false, isUnmerged: false } as const;
  const remembered = { task: 1, source: [3, 4], label: [5] };
  const sides = (['lora_A', 'lora_B'] as const).map((side) => ({
    ...({
      name: adapterTensor('encoder.block.0.layer.0.SelfAttention.q', side),
      place: 'adapter',
      dtype: 'F32',
    } as const),
    rows: 2,
    columns: 3,
    read: () => Promise.resolve(new Float32Array(6).fill(0.5)),
  }));
  const versions = { adapter: '', weights: '', earlier: '', step: '' };
  return {
    place: positionAt(1, 'begin'),
    results,
    data: 'data',
    lessons: [],
    taughtBefore: 0,
    learner: { progress: { ...progress, rateFactors: [1, 1], examples: [remembered] }, tensors: sides, versions },
  };
}

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
