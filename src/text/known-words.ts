import type { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';

type Model = NonNullable<HuggingFaceTokenizer['model']>;

/** Maximum number of words that are remembered: those of a task's texts, in a few megabytes. */
export const MOST_WORDS = 20_000;

/** Letters of the longest word that is remembered. */
const LONGEST_WORD = 40;

/**
 * Makes a Unigram model remember the pieces of the last words. It looks for the likeliest pieces of each word again, and
 * texts repeat most of their words: a prompt's question, for instance. The library remembers words for BPE only.
 */
export function rememberWords(model: Model): void {
  const encode = model.encode.bind(model);
  const known = new Map<string, readonly string[]>();
  const piecesOf = (word: string): readonly string[] => {
    if (word.length > LONGEST_WORD) return encode([word]);
    const before = known.get(word);
    if (before !== undefined) return before;
    const pieces = encode([word]);
    if (known.size === MOST_WORDS) known.clear();
    known.set(word, pieces);
    return pieces;
  };
  model.encode = (words) => words.flatMap(piecesOf);
}
