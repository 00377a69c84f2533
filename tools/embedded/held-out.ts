import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, shuffled } from '../../src/base/random.ts';
import { EMBEDDED_TEXTS } from '../../src/tasks/embedded-tasks.ts';
import { isPresentable } from '../../src/tasks/reading.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { root } from './sources.ts';
import { normalised, type SplitTask } from './split.ts';
import { firstWords, withoutMark, words } from './tasks.ts';
import type { Synset, WordNet } from './wordnet.ts';

/** The line of a meaning in the running text of pre-training: its words, and what they mean. */
export const definitionLine = ({ words: named, definition }: Pick<Synset, 'words' | 'definition'>): string =>
  `${named.slice(0, 3).join(', ')}: ${withoutMark(definition)}`;

/** A definition and the broader term, as in the pairs of pre-training; undefined if there is none. */
export function kindPair(
  { definition, pointers }: Synset,
  { synsets }: WordNet,
): { text: string; term: string } | undefined {
  const broader = pointers.find(({ symbol }) => symbol === '@' || symbol === '@i');
  const term = broader && synsets.get(broader.key)?.words[0];
  return term && !/[0-9]/.test(term) ? { text: firstWords(withoutMark(definition), 24), term } : undefined;
}

const SEED = 11;
const LEAST_WORDS = 6;
/** Maximum number of tokens of a term, with its end: that of the labels of the tasks, so that no answer gets longer. */
const MOST_TOKENS = 4;

/** Whether a term is a word that the embedded models write in few tokens; both have the same vocabulary. */
function shortWords(): (term: string) => boolean {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(join(root, 'public', 'embedded', 'model', name), 'utf8'));
  const tokenizer = loadTokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
  return (term) => /^[a-z]{3,9}$/.test(term) && tokenizer.encodeLabel(term).length < MOST_TOKENS;
}

/**
 * The rows of {@link EMBEDDED_TEXTS} by their paths: texts as in pre-training that the embedded models have not read,
 * since their definitions are in test sets. No task trains on them either.
 */
export function heldOutFiles(wordnet: WordNet, tasks: readonly SplitTask[]): Map<string, string> {
  const tested = new Set(tasks.flatMap(({ test }) => test).map(({ core }) => normalised(core)));
  const synsets = [...wordnet.synsets.values()].filter(
    ({ definition }) => tested.has(normalised(withoutMark(definition))) && words(definition) >= LEAST_WORDS,
  );
  const lines = synsets.map((synset) => ({ sentence: '', label: definitionLine(synset) }));
  const isShort = shortWords();
  const pairs = synsets.flatMap((synset) => {
    const pair = kindPair(synset, wordnet);
    return pair !== undefined && isShort(pair.term) ? [{ sentence: pair.text, label: pair.term }] : [];
  });
  const fileOf = (rows: readonly { sentence: string; label: string }[], count: number): string => {
    const shown = rows.filter(({ sentence, label }) => isPresentable(`${sentence} ${label}`));
    const distinct = [...new Map(shown.map((row) => [row.sentence || row.label, row])).values()];
    return JSON.stringify(shuffled(distinct, seededRandom(SEED)).slice(0, count));
  };
  const { kinds, definitions } = EMBEDDED_TEXTS;
  return new Map([
    [kinds.path, fileOf(pairs, kinds.count)],
    [definitions.path, fileOf(lines, definitions.count)],
  ]);
}
