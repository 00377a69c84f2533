import { SplitPreTokenizer } from '@huggingface/tokenizers';
import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';

/** The error for a tokenizer that cannot be used. @param what follows "The tokenizer cannot be used:". */
export const badTokenizer = (what: string, options?: ErrorOptions): GorpError =>
  new GorpError(
    'text/bad-tokenizer',
    `The tokenizer cannot be used: ${what}.`,
    "Use the tokenizer.json and tokenizer_config.json that were published with the model's weights, or choose another model.",
    options,
  );

/**
 * A parsed file, or a part of one, in the form that a schema describes.
 *
 * @param where names it, for the message.
 * @throws GorpError `text/bad-tokenizer`.
 */
export function checked<S extends v.GenericSchema>(schema: S, input: unknown, where: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, input, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw badTokenizer(`${where}, ${v.getDotPath(issue) ?? '(root)'}: ${issue.message}`, { cause: parsed.issues });
}

/** Letters that the parts of a tokenizer may make of a text: eight times those of the longest prompt. */
const MOST_LETTERS = 2 ** 22;

/**
 * A text that a part has made.
 *
 * @param more letters that the part has made besides.
 * @throws GorpError `text/bad-tokenizer` if they grow without bound.
 */
export function bounded(text: string, more = 0): string {
  if (text.length + more <= MOST_LETTERS) return text;
  throw badTokenizer(`tokenizer.json: it makes more than ${MOST_LETTERS} letters of a text`);
}

/**
 * The letters that stand for bytes in a byte-level vocabulary, as in GPT-2: printable bytes for themselves, the others
 * from U+0100 on.
 */
export const BYTE_LETTERS: readonly string[] = (() => {
  let next = 0x100;
  const isPlain = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPlain(byte) ? byte : next++));
})();
const BYTES: ReadonlyMap<string, number> = new Map(BYTE_LETTERS.map((letter, byte) => [letter, byte]));
const utf8 = new TextEncoder();

/** The bytes of a text, each as a letter. @throws GorpError `text/bad-tokenizer` if there are too many. */
export const byteLetters = (text: string): string =>
  Array.from(utf8.encode(bounded(text)), (byte) => BYTE_LETTERS[byte]).join('');

/** The bytes that letters stand for; of a text with other characters its own. */
export function bytesOfLetters(letters: string): number[] | Uint8Array {
  const bytes: number[] = [];
  for (const letter of letters) {
    const byte = BYTES.get(letter);
    if (byte === undefined) return utf8.encode(letters);
    bytes.push(byte);
  }
  return bytes;
}

/** Many times the letters of the longest published one: it has to be translated. */
const LONGEST_EXPRESSION = 16_384;

/**
 * A pattern that a part of tokenizer.json looks for in a text: a text, or a regular expression in Oniguruma's syntax.
 */
export const PatternSchema = v.union([
  v.object({ String: v.string() }),
  v.object({ Regex: v.pipe(v.string(), v.maxLength(LONGEST_EXPRESSION)) }),
]);
type Pattern = v.InferOutput<typeof PatternSchema>;

/**
 * All places of a pattern in a text as a JavaScript expression, with the flags `g` and `u`. White space, numbers and
 * words are Unicode's, as in Oniguruma: JavaScript's `\s`, `\d` and `\w` are others.
 *
 * @throws GorpError `text/bad-tokenizer` for what Oniguruma reads and JavaScript cannot say.
 */
export function expressionOf(pattern: Pattern): RegExp {
  if ('String' in pattern) return new RegExp(pattern.String.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`), 'gu');
  const Regex = withFolds(pattern.Regex);
  try {
    // The library translates Oniguruma's syntax in this class only. It says null for a pattern of neither form.
    return new SplitPreTokenizer({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false })
      .pattern as RegExp;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw badTokenizer(`tokenizer.json: its regular expression ${Regex.slice(0, 200)} is not read (${why})`, { cause });
  }
}

/** A group whose letters stand for both cases, as `(?i:'s|'t|'re|'ve)`: without other groups and escapes. */
const FOLDED = /\(\?i:([^()\\]*)\)/g;
/** Patterns that one letter can stand for (ß for ss), letters that are not ASCII, ranges, and sets of all but some. */
const NOT_FOLDED = /ss|ff|fi|fl|st|[^\0-\x7f]|\[\^|[a-z]-/i;

/**
 * The same expression with the two letters that are not ASCII, and yet a case of an ASCII letter: the long s, and the
 * sign of Kelvin. The library folds ASCII alone.
 *
 * @throws GorpError `text/bad-tokenizer` for groups in which more letters fold.
 */
function withFolds(regex: string): string {
  let groups = 0;
  const folded = regex.replace(FOLDED, (group, inside: string) => {
    if (NOT_FOLDED.test(inside)) return group;
    groups++;
    const both = inside.replace(/\[[^\]]*\]|[sk]/gi, (part) => {
      const set = part.replace(/s/i, 's\u017f').replace(/k/i, 'k\u212a');
      return part.startsWith('[') ? set : `[${set}]`;
    });
    return `(?i:${both})`;
  });
  if (folded.split('(?i').length - 1 === groups) return folded;
  throw badTokenizer(
    `tokenizer.json: the cases of letters in its regular expression ${regex.slice(0, 200)} are not read`,
  );
}
