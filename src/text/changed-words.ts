import { WORD } from './scores.ts';

/** A piece of a text, and whether it lacks a counterpart in the other text. */
export interface Piece {
  readonly text: string;
  readonly differs: boolean;
}

/** Words that are compared; those after them count as different, as the table of lengths has their number squared. */
const MOST_WORDS = 2000;

/**
 * Compares an answer with the right one by words, ignoring case, punctuation and spacing: the words outside their
 * longest common subsequence differ. The pieces of each text, joined, are the text.
 */
export function changedWords(written: string, right: string): { written: Piece[]; right: Piece[] } {
  const [a, b] = [segments(written), segments(right)];
  const [words, others] = [wordsOf(a), wordsOf(b)];
  const shared = commonSubsequence(words, others);
  return {
    written: pieces(a, new Set(shared.map(([i]) => i))),
    right: pieces(b, new Set(shared.map(([, j]) => j))),
  };
}

/** A word, or what stands between two. */
interface Segment {
  readonly text: string;
  readonly isWord: boolean;
}

function segments(text: string): Segment[] {
  const found: Segment[] = [];
  let end = 0;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (index > end) found.push({ text: text.slice(end, index), isWord: false });
    found.push({ text: word, isWord: true });
    end = index + word.length;
  }
  if (end < text.length) found.push({ text: text.slice(end), isWord: false });
  return found;
}

const wordsOf = (all: readonly Segment[]): string[] =>
  all.flatMap(({ text, isWord }) => (isWord ? [text.toLowerCase()] : []));

/** The pairs of positions of a longest common subsequence. */
function commonSubsequence(a: readonly string[], b: readonly string[]): [number, number][] {
  const [rows, columns] = [Math.min(a.length, MOST_WORDS), Math.min(b.length, MOST_WORDS)];
  // lengths[i, j]: of the longest common subsequence of what begins at a's i and b's j.
  const lengths = new Uint16Array((rows + 1) * (columns + 1));
  const at = (i: number, j: number): number => i * (columns + 1) + j;
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      const apart = Math.max(lengths[at(i + 1, j)], lengths[at(i, j + 1)]);
      lengths[at(i, j)] = a[i] === b[j] ? lengths[at(i + 1, j + 1)] + 1 : apart;
    }
  }
  const pairs: [number, number][] = [];
  for (let [i, j] = [0, 0]; i < rows && j < columns;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengths[at(i + 1, j)] >= lengths[at(i, j + 1)]) i++;
    else j++;
  }
  return pairs;
}

/** The segments, joined where neighbours are alike. Only words differ, and the gaps between two that do. */
function pieces(all: readonly Segment[], shared: ReadonlySet<number>): Piece[] {
  let word = -1;
  const found: { text: string; differs: boolean }[] = [];
  /** The text between the last word and the next one. */
  let gap = '';
  const add = (text: string, own: boolean): void => {
    const last = found.at(-1);
    if (text === '') return;
    if (last?.differs === own) last.text += text;
    else found.push({ text, differs: own });
  };
  for (const { text, isWord } of all) {
    if (!isWord) {
      gap = text;
      continue;
    }
    const own = !shared.has(++word);
    add(gap, own && found.at(-1)?.differs === true);
    add(text, own);
    gap = '';
  }
  add(gap, false);
  return found;
}
