import { SplitPreTokenizer } from '@huggingface/tokenizers';
import * as v from 'valibot';
import { badTokenizer } from './fault.ts';

/** Many times the letters of the longest published one: it has to be translated. */
const LONGEST_EXPRESSION = 16_384;

/** What a part of tokenizer.json looks for in a text: a text, or a regular expression in Oniguruma's syntax. */
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
/** What one letter can stand for (ß for ss), letters that are not ASCII, ranges, and sets of all but some. */
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
