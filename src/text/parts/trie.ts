import { badTokenizer } from './fault.ts';

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
