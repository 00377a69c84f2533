import * as v from 'valibot';
import { byteLetters, checked, expressionOf, PatternSchema } from './fault.ts';

/** The part `pre_tokenizer` of tokenizer.json: how a text is split into the words that the model reads one by one. */

/** A piece of a text, and whether the text begins with it. */
export interface Piece {
  readonly text: string;
  readonly isFirst: boolean;
}
/** Splits a piece. No piece of the result is empty. */
type PreTokenize = (piece: Piece) => Piece[];

const BehaviorSchema = v.picklist(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']);
/** The treatment of the places at which a text is split. */
type Behavior = v.InferOutput<typeof BehaviorSchema>;

type Part =
  | { type: 'Sequence'; pretokenizers: Part[] }
  | { type: 'WhitespaceSplit' | 'Whitespace' }
  | { type: 'Split'; pattern: v.InferOutput<typeof PatternSchema>; behavior: Behavior; invert: boolean }
  | { type: 'ByteLevel'; add_prefix_space: boolean; use_regex: boolean }
  | ({ type: 'Metaspace' } & Metaspace)
  | { type: 'Punctuation'; behavior: Behavior }
  | { type: 'Digits'; individual_digits: boolean };

/** How SentencePiece's spaces are written; of earlier versions with `add_prefix_space` alone. */
export const MetaspaceSchema = v.object({
  type: v.literal('Metaspace'),
  replacement: v.pipe(v.string(), v.regex(/^.$/u)),
  prepend_scheme: v.optional(v.picklist(['always', 'first', 'never'])),
  add_prefix_space: v.optional(v.boolean(), true),
  split: v.optional(v.boolean(), true),
});
type Metaspace = Omit<v.InferOutput<typeof MetaspaceSchema>, 'type'>;

/** Before which words a space is put. */
export const prependScheme = ({ prepend_scheme, add_prefix_space }: Metaspace): 'always' | 'first' | 'never' =>
  prepend_scheme ?? (add_prefix_space ? 'always' : 'never');

const PartSchema: v.GenericSchema<unknown, Part> = v.variant('type', [
  v.object({ type: v.literal('Sequence'), pretokenizers: v.array(v.lazy(() => PartSchema)) }),
  v.object({ type: v.picklist(['WhitespaceSplit', 'Whitespace']) }),
  v.object({ type: v.literal('Split'), pattern: PatternSchema, behavior: BehaviorSchema, invert: v.boolean() }),
  v.object({
    type: v.literal('ByteLevel'),
    add_prefix_space: v.boolean(),
    use_regex: v.optional(v.boolean(), true),
  }),
  MetaspaceSchema,
  v.object({ type: v.literal('Punctuation'), behavior: v.optional(BehaviorSchema, 'Isolated') }),
  v.object({ type: v.literal('Digits'), individual_digits: v.boolean() }),
]);

/** @param part null if texts are not split. @throws GorpError `text/bad-tokenizer` for a part that is not read. */
export function preTokenizerOf(part: unknown): PreTokenize {
  return part == null ? (piece) => [piece] : made(checked(PartSchema, part, 'tokenizer.json, pre_tokenizer'));
}

const WHITE_SPACE = /\p{White_Space}/gu;
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const NUMBER = /\p{N}/gu;
/** Words, and what is between them and is no white space: of Rust's regular expressions, with two joiners in `\w`. */
const WORDS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d\p{White_Space}]+/gu;
const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function made(part: Part): PreTokenize {
  switch (part.type) {
    case 'Sequence': {
      const [first, ...others] = part.pretokenizers.map(made);
      if (first === undefined) return (piece) => [piece];
      // What a piece becomes depends on whether the text begins with it, which one piece does.
      const further = (piece: Piece): Piece[] => others.reduce((pieces, split) => pieces.flatMap(split), [piece]);
      const known = remembering((text) => further({ text, isFirst: false }));
      return (piece) => first(piece).flatMap((one) => (one.isFirst ? further(one) : known(one.text)));
    }
    case 'WhitespaceSplit':
      return splitAt(WHITE_SPACE, 'Removed');
    case 'Whitespace':
      return splitAt(WORDS, 'Removed', true);
    case 'Split':
      return splitAt(expressionOf(part.pattern), part.behavior, part.invert);
    case 'ByteLevel':
      return byteLevel(part.add_prefix_space, part.use_regex);
    case 'Metaspace':
      return metaspace(part);
    case 'Punctuation':
      return splitAt(PUNCTUATION, part.behavior);
    case 'Digits':
      return splitAt(NUMBER, part.individual_digits ? 'Isolated' : 'Contiguous');
  }
}

function byteLevel(addsPrefix: boolean, splits: boolean): PreTokenize {
  const split = splits ? splitAt(GPT2, 'Isolated') : (piece: Piece): Piece[] => [piece];
  const lettersOf = remembering(byteLetters);
  return ({ text, isFirst }) =>
    split({ text: addsPrefix && !text.startsWith(' ') ? ` ${text}` : text, isFirst }).map((piece) => ({
      ...piece,
      text: lettersOf(piece.text),
    }));
}

function metaspace(part: Metaspace): PreTokenize {
  const scheme = prependScheme(part);
  const split = part.split
    ? splitAt(expressionOf({ String: part.replacement }), 'MergedWithNext')
    : (piece: Piece): Piece[] => [piece];
  return ({ text, isFirst }) => {
    const spaced = text.replaceAll(' ', () => part.replacement);
    const isPrepended = scheme === 'always' || (scheme === 'first' && isFirst);
    return split({
      text: isPrepended && !spaced.startsWith(part.replacement) ? part.replacement + spaced : spaced,
      isFirst,
    });
  };
}

/**
 * Splits pieces at the places of an expression, as `NormalizedString::split` of the tokenizers library.
 *
 * @param isInverted whether it splits at what is between those places.
 */
function splitAt(expression: RegExp, behavior: Behavior, isInverted = false): PreTokenize {
  return ({ text, isFirst }) =>
    joined(places(text, expression, isInverted), behavior)
      .filter(({ begin, end }) => end > begin)
      .map(({ begin, end }) => ({ text: text.slice(begin, end), isFirst: isFirst && begin === 0 }));
}

interface Span {
  readonly begin: number;
  end: number;
  /** Whether the text is split at it. */
  readonly isMatch: boolean;
}

function places(text: string, expression: RegExp, isInverted: boolean): Span[] {
  const found: Span[] = [];
  let at = 0;
  for (const { index, 0: match } of text.matchAll(expression)) {
    if (at < index) found.push({ begin: at, end: index, isMatch: isInverted });
    at = index + match.length;
    found.push({ begin: index, end: at, isMatch: !isInverted });
  }
  if (at < text.length) found.push({ begin: at, end: text.length, isMatch: isInverted });
  return found;
}

function joined(found: Span[], behavior: Behavior): Span[] {
  if (behavior === 'Isolated') return found;
  if (behavior === 'Removed') return found.filter(({ isMatch }) => !isMatch);
  const isMerged = (one: Span, before: boolean): boolean =>
    behavior === 'Contiguous' ? one.isMatch === before : one.isMatch && !before;
  const isBackwards = behavior === 'MergedWithNext';
  const parts: Span[] = [];
  let before = false;
  for (const one of isBackwards ? found.toReversed() : found) {
    const last = parts.at(-1);
    if (last === undefined || !isMerged(one, before)) parts.push({ ...one });
    else if (isBackwards) parts[parts.length - 1] = { ...last, begin: one.begin };
    else last.end = one.end;
    before = one.isMatch;
  }
  return isBackwards ? parts.reverse() : parts;
}

/** Words that are remembered at most: those of a task's texts, in a few megabytes. */
export const MOST_WORDS = 20_000;
/** Letters of the longest word that is remembered. */
const LONGEST_WORD = 40;

/**
 * A function of words that remembers the last ones: splitting and dividing a word takes long, and texts repeat most of
 * theirs, of a prompt's question for instance.
 */
export function remembering<Result>(of: (word: string) => Result): (word: string) => Result {
  const known = new Map<string, Result>();
  return (word) => {
    if (word.length > LONGEST_WORD) return of(word);
    const before = known.get(word);
    if (before !== undefined) return before;
    const result = of(word);
    if (known.size === MOST_WORDS) known.clear();
    known.set(word, result);
    return result;
  };
}
