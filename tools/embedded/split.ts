import { createHash } from 'node:crypto';
import { seededRandom, shuffled } from '../../src/base/random.ts';

/** One labelled text before it is split. */
export interface Item {
  label: string;
  sentence: string;
  /** The text that must not be both in a test set and in anything trained on (a definition, say). */
  core: string;
}

export interface TaskSource {
  /** Dataset name, as in the prompt. */
  name: string;
  /** Kind of the benchmark: TC, SC, … */
  kind: string;
  instruction: string;
  labels: string[];
  items: Item[];
  trainSize: number;
  testSize: number;
}

export interface SplitTask extends TaskSource {
  train: Item[];
  test: Item[];
}

/** How two texts are compared for leaks: case, punctuation and spacing do not count. */
export function normalised(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim();
}

// Shorter ones, such as an emoji's name, are ordinary words, which other texts may hold.
const WORDS_OF_A_TEXT = 4;

/**
 * Whether a text contains one of the given texts word for word, in whole words. Texts of fewer than {@link
 * WORDS_OF_A_TEXT} words are not searched for. All texts are normalised.
 */
export function textFinder(texts: Iterable<string>): (text: string) => boolean {
  const byBeginning = new Map<string, string[]>();
  for (const text of texts) {
    const beginning = text.slice(0, wordEnds(text)[WORDS_OF_A_TEXT - 1] ?? 0);
    if (beginning === '') continue;
    const others = byBeginning.get(beginning);
    if (others === undefined) byBeginning.set(beginning, [`${text} `]);
    else others.push(`${text} `);
  }
  return (text) => {
    const ends = wordEnds(text);
    const whole = `${text} `;
    for (let last = WORDS_OF_A_TEXT - 1; last < ends.length; last++) {
      const first = last - WORDS_OF_A_TEXT;
      const begin = first < 0 ? 0 : ends[first] + 1;
      const candidates = byBeginning.get(text.slice(begin, ends[last]));
      if (candidates?.some((candidate) => whole.startsWith(candidate, begin))) return true;
    }
    return false;
  };
}

/** Where the words of a normalised text end. */
function wordEnds(text: string): number[] {
  const ends: number[] = [];
  for (let at = text.indexOf(' '); at >= 0; at = text.indexOf(' ', at + 1)) ends.push(at);
  ends.push(text.length);
  return ends;
}

/** Names a core without showing it: the first 16 hex digits of the SHA-256 of the normalised text. */
export const fingerprint = (core: string): string =>
  createHash('sha256').update(normalised(core)).digest('hex').slice(0, 16);

/**
 * Splits every task into balanced train and test sets. All test sets are drawn first; a text that holds any of theirs is
 * then left out of every training set, so that no task trains on another's test text.
 *
 * @param withheld {@link fingerprint}s of cores that go in no set at all; every other item stays where it would be.
 */
export function splitTasks(
  sources: readonly TaskSource[],
  seed: number,
  withheld: ReadonlySet<string> = new Set(),
): SplitTask[] {
  const usable = (item: Item): boolean => !withheld.has(fingerprint(item.core));
  const pools = sources.map((source) => {
    const random = seededRandom(seed);
    const seen = new Set<string>();
    const unique = shuffled(source.items, random).filter((item) => {
      const key = normalised(item.core);
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
    return { source, unique, random };
  });
  const tests = pools.map(({ source, unique }) => balanced(source, unique, source.testSize));
  const held = new Set(tests.flat().map((item) => normalised(item.core)));
  const holdsTestText = textFinder(tests.flat().flatMap((item) => [normalised(item.core), normalised(item.sentence)]));
  return pools.map(({ source, unique, random }, i) => {
    const isFree = (item: Item): boolean => {
      const core = normalised(item.core);
      if (held.has(core) || holdsTestText(core)) return false;
      return (item.sentence === item.core || !holdsTestText(normalised(item.sentence))) && usable(item);
    };
    return {
      ...source,
      test: shuffled(tests[i] ?? [], random).filter(usable),
      train: shuffled(balanced(source, unique, source.trainSize, isFree), random),
    };
  });
}

/**
 * Splits further tasks and leaves those already split unchanged: neither trains on a test text of the other. Items
 * whose core or sentence is in an earlier task are left out, and so are those that contain such a text or are part of
 * one.
 */
export function splitBeside(earlier: readonly SplitTask[], sources: readonly TaskSource[], seed: number): SplitTask[] {
  const texts = earlier
    .flatMap(({ train, test }) => [...train, ...test])
    .flatMap(({ core, sentence }) => [normalised(core), normalised(sentence)]);
  const known = new Set(texts);
  const holdsText = textFinder(texts);
  const whole = ` ${texts.join(' \n ')} `;
  const isFree = (item: Item): boolean =>
    [...new Set([item.core, item.sentence].map(normalised))].every((text) => !known.has(text) && !holdsText(text));
  const free = sources.map((source) => ({ ...source, items: source.items.filter(isFree) }));
  return splitTasks(free, seed).map((task) => ({
    ...task,
    test: task.test.filter(({ core }) => words(core) < WORDS_OF_A_TEXT || !whole.includes(` ${normalised(core)} `)),
  }));
}

const words = (text: string): number => normalised(text).split(' ').length;

/** The first items of every label that are free, equally many of each; those after them are not looked at. */
function balanced(
  { labels }: TaskSource,
  items: readonly Item[],
  size: number,
  isFree: (item: Item) => boolean = () => true,
): Item[] {
  const each = Math.floor(size / labels.length);
  return labels.flatMap((label) => {
    const taken: Item[] = [];
    for (const item of items) {
      if (taken.length === each) break;
      if (item.label === label && isFree(item)) taken.push(item);
    }
    return taken;
  });
}

/** Words in a row that two texts written apart do not share by chance. */
const WORDS_IN_A_ROW = 6;

/** Every {@link WORDS_IN_A_ROW} words in a row of a text; of scripts without spaces, as many pieces of punctuation. */
function runsOfWords(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.slice(WORDS_IN_A_ROW - 1).map((_, i) => words.slice(i, i + WORDS_IN_A_ROW).join(' '));
}

/** Finds words in a row that a text shares with one of the given texts; undefined if there are none. */
export function sharedWords(texts: Iterable<string>): (text: string) => string | undefined {
  const runs = new Set(Array.from(texts).flatMap(runsOfWords));
  return (text) => runsOfWords(text).find((run) => runs.has(run));
}
