import { badTokenizer } from './fault.ts';
import type { Piece } from './pre-tokenizer.ts';

/** Letters of the longest text that is looked for in others: of published ones 100 at most. */
export const LONGEST_ENTRY = 512;
/** Letters of all entries together, three times those of the largest published vocabularies: a node takes 300 bytes. */
const MOST_LETTERS = 2 ** 22;

/** Texts by their letters: which of them begin at a place is found letter by letter. */
export interface TrieNode<Value> {
  readonly next: Map<string, TrieNode<Value>>;
  /** That of the text that ends here. */
  value?: Value;
}

/**
 * @param entries of equal texts the last one counts.
 * @throws GorpError `text/bad-tokenizer` if they would fill the memory.
 */
export function trieOf<Value>(
  entries: ReadonlyMap<string, Value> | readonly (readonly [letters: readonly string[], Value])[],
): TrieNode<Value> {
  let count = 0;
  for (const [{ length }] of entries) count += length;
  if (count > MOST_LETTERS) throw badTokenizer(`its tokens have ${count} letters together; ${MOST_LETTERS} are read`);
  const root: TrieNode<Value> = { next: new Map() };
  for (const [letters, value] of entries) {
    let node = root;
    for (const letter of letters) {
      let next = node.next.get(letter);
      if (next === undefined) node.next.set(letter, (next = { next: new Map() }));
      node = next;
    }
    node.value = value;
  }
  return root;
}

/** The part `added_tokens` of tokenizer.json: tokens that are looked for in a text before anything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Whether it is no text: it is left out when tokens become text. */
  readonly special: boolean;
  /** Whether it counts only between words. */
  readonly single_word: boolean;
  /** Whether the white space before it belongs to it. */
  readonly lstrip: boolean;
  /** Whether the white space after it belongs to it. */
  readonly rstrip: boolean;
  /** Whether it is looked for in the normalised text, normalised itself. */
  readonly normalized: boolean;
}

/** Finds added tokens in a text: of those at one place the longest, as `AddedVocabulary` of the tokenizers library. */
export class AddedTokens {
  readonly #root: TrieNode<AddedToken>;
  readonly #splitsSpecial: boolean;
  readonly #space: RegExp;

  /**
   * @param splitsSpecial whether special tokens in a text are read as text.
   * @param written how a token is written in the texts to come.
   * @param space what counts as white space around a token.
   * @throws GorpError `text/bad-tokenizer` as {@link trieOf}.
   */
  constructor(
    tokens: readonly AddedToken[],
    splitsSpecial: boolean,
    written = ({ content }: AddedToken): string => content,
    space = /\p{White_Space}/u,
  ) {
    this.#splitsSpecial = splitsSpecial;
    this.#space = space;
    // Of tokens that are written alike the first counts.
    this.#root = trieOf(tokens.toReversed().map((token) => [written(token).split(''), token]));
  }

  /** The ids of the tokens in a text, and those of what is between them. @param encode gives the latter. */
  encode(text: string, encode: (between: Piece) => readonly number[]): number[] {
    const ids: number[] = [];
    let begin = 0;
    const encodeUntil = (end: number): void => {
      if (begin === end) return;
      for (const id of encode({ text: text.slice(begin, end), isFirst: begin === 0 })) ids.push(id);
    };
    for (let at = 0; at < text.length;) {
      const found = this.#longestAt(text, at);
      if (found === null) {
        at++;
        continue;
      }
      const { token } = found;
      let from = at;
      let to = (at = found.end);
      if (token.special && this.#splitsSpecial) continue;
      if (token.single_word && isWithinWord(text, from, to)) continue;
      if (token.lstrip) while (from > begin && this.#space.test(text[from - 1])) from--;
      if (token.rstrip) while (to < text.length && this.#space.test(text[to])) to++;
      encodeUntil(Math.max(begin, from));
      ids.push(token.id);
      begin = to;
    }
    encodeUntil(text.length);
    return ids;
  }

  #longestAt(text: string, from: number): { token: AddedToken; end: number } | null {
    let node = this.#root.next.get(text[from]);
    let found: { token: AddedToken; end: number } | null = null;
    for (let end = from + 1; node !== undefined; node = node.next.get(text[end++])) {
      if (node.value !== undefined) found = { token: node.value, end };
    }
    return found;
  }
}

/** Of Rust's regular expressions: letters, marks, digits, connectors and two joiners. */
const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d]';
const [ENDS_WORD, BEGINS_WORD] = [new RegExp(`${WORD}$`, 'u'), new RegExp(`^${WORD}`, 'u')];

/** Whether a place in a text touches other characters of words. */
const isWithinWord = (text: string, from: number, to: number): boolean =>
  ENDS_WORD.test(text.slice(Math.max(0, from - 2), from)) || BEGINS_WORD.test(text.slice(to, to + 2));
