import type { Tokenizer } from '../text/tokenizer.ts';
import type { EncodedExample } from './fit.ts';

/**
 * Words that nobody would want on a screen in front of a class. Data sets and dictionaries contain them, so an example
 * picked for display should not. The list is short on purpose: it decides what is shown first, never what is trained.
 */
const UNPRESENTABLE =
  /\b(?:sex(?:es|ual\w*|y)?|porn\w*|rap(?:e[ds]?|ists?|ing)|incest\w*|genital\w*|prostitut\w*|masturbat\w*|orgasm\w*|penis\w*|vagin\w*|copulat\w*|coitus|intercourse|erotic\w*|nudes?|nudity|naked|breasts?|testicles?|excrement|f(?:uck|\*\*k)\w*|shit\w*|bitch\w*|cunts?|nigg\w*|fag(?:got)?s?|sluts?|whores?|suicid\w*|murder\w*|behead\w*|tortur\w*|molest\w*|slaughter\w*)\b/i;

/** Whether a text can be shown to anyone. */
export const isPresentable = (text: string): boolean => !UNPRESENTABLE.test(text);

/** The first that can be shown to anyone; the very first if none can, undefined if there is none. */
export const firstPresentable = <T>(all: readonly T[], textOf: (one: T) => string): T | undefined =>
  all.find((one) => isPresentable(textOf(one))) ?? all[0];

/** The text of a token, and whether it belongs to the label and so counts in the loss. */
export interface ReadToken {
  text: string;
  isLabel: boolean;
}

/** An example of a task as a model reads it. */
export interface Reading {
  task: string;
  tokens: ReadToken[];
  /** Whether its text was cut to fit the prompt length. */
  cut: boolean;
}

/** The examples among which one to show is sought: decoding all of a large task would take long. */
const SOUGHT = 200;

/** Tokens decoded together at most, and those before a token that it may depend on: all would take long for many. */
const [DECODED, DECODED_BEFORE] = [128, 16];

/**
 * Returns the tokens that a model reads of the first of some examples that can be shown to anyone, as in {@link
 * readingOf}.
 */
export function shownReading(tokenizer: Tokenizer, examples: readonly EncodedExample[]): ReadToken[] {
  const textOf = ({ source, label }: EncodedExample): string => tokenizer.decodeWhole([...source, ...label]);
  const shown = firstPresentable(examples.slice(0, SOUGHT), textOf);
  return shown ? readingOf(tokenizer, shown) : [];
}

/**
 * Returns the tokens that a model reads of an example, including special tokens; concatenated, they are the full text.
 */
export function readingOf(tokenizer: Tokenizer, { source, label }: EncodedExample): ReadToken[] {
  const part = (ids: readonly number[], isLabel: boolean): ReadToken[] => {
    let [from, shown] = [0, ''];
    return ids.map((_, i) => {
      const text = tokenizer.decodeWhole(ids.slice(from, i + 1));
      // A character may take several tokens; it is shown with the last.
      if (i < ids.length - 1 && text.endsWith('\ufffd')) return { text: '', isLabel };
      const added = text.slice(shown.length);
      shown = text;
      if (i - from >= DECODED) {
        from = i - DECODED_BEFORE;
        shown = tokenizer.decodeWhole(ids.slice(from, i + 1));
      }
      return { text: added, isLabel };
    });
  };
  return [...part(source, false), ...part(label, true)];
}
