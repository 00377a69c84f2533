/** Python's white space, as a part of a regular expression: `\s` has U+FEFF instead of U+001C to U+001F and U+0085. */
export const SPACE = String.raw`[\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const [AT_START, AT_END] = [new RegExp(`^${SPACE}+`), new RegExp(SPACE)];
const WORDS = new RegExp(`${SPACE.replace('[', '[^')}+`, 'g');
/** Where `str.splitlines` divides a text. */
const LINE_ENDS = /\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029]/;

/** Python's `str.lstrip`: without the white space, or any of the characters, at its start. */
export function startTrimmed(text: string, characters?: string): string {
  if (characters === undefined) return text.replace(AT_START, '');
  const [letters, stripped] = [Array.from(text), new Set(characters)];
  const start = letters.findIndex((letter) => !stripped.has(letter));
  return start < 0 ? '' : letters.slice(start).join('');
}

/** Python's `str.rstrip`. */
export function endTrimmed(text: string, characters?: string): string {
  if (characters === undefined) {
    let end = text.length;
    while (end > 0 && AT_END.test(text[end - 1])) end--;
    return text.slice(0, end);
  }
  const [letters, stripped] = [Array.from(text), new Set(characters)];
  return letters.slice(0, letters.findLastIndex((letter) => !stripped.has(letter)) + 1).join('');
}

export const trimmed = (text: string, characters?: string): string =>
  startTrimmed(endTrimmed(text, characters), characters);

/** Python's `str.split`: at a text, or at white space; at most `most` times from the left, if that is not negative. */
export function split(text: string, separator?: string, most = -1): string[] {
  if (separator === undefined && most < 0) return text.match(WORDS) ?? [];
  if (separator === undefined) {
    const words: string[] = [];
    let rest = startTrimmed(text);
    while (rest !== '' && words.length < most) {
      const end = rest.search(AT_END);
      words.push(end < 0 ? rest : rest.slice(0, end));
      rest = end < 0 ? '' : startTrimmed(rest.slice(end));
    }
    return rest === '' ? words : [...words, rest];
  }
  const parts = text.split(separator);
  if (most < 0 || parts.length <= most + 1) return parts;
  return [...parts.slice(0, most), parts.slice(most).join(separator)];
}

/** Python's `str.rsplit` at a text: at most `most` times from the right. */
export function splitFromEnd(text: string, separator: string, most: number): string[] {
  const parts = text.split(separator);
  if (most < 0 || parts.length <= most + 1) return parts;
  const first = parts.length - most;
  return [parts.slice(0, first).join(separator), ...parts.slice(first)];
}

/** Python's `str.splitlines`. */
export function splitLines(text: string): string[] {
  const lines = text.split(LINE_ENDS);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/** Python's `str.capitalize`. @throws Error for letters whose case JavaScript and Python may tell apart. */
export function capitalized(text: string): string {
  const [first = '', ...rest] = text;
  return titled(first) + lowered(rest.join(''));
}

/** Python's `str.title`: letters after what is no letter are large, all others small. @throws as {@link capitalized}. */
export const title = (text: string): string => text.replace(/\p{Cased}+/gu, capitalized);

const BEGINS_WORD = new RegExp(`(?:(?!${SPACE}|[-({\\[<])[^])+`, 'gu');

/** Jinja's filter `title`: words begin after white space, hyphens and opening brackets. */
export const titleOfWords = (text: string): string =>
  text.replace(BEGINS_WORD, (word) => {
    const [first, ...rest] = word;
    return first.toUpperCase() + rest.join('').toLowerCase();
  });

/** A letter in title case, which is not upper case for those that are two in one. */
function titled(letter: string): string {
  const upper = letter.toUpperCase();
  if (Array.from(upper).length > 1 || /[\u01c4-\u01cc\u01f1-\u01f3\u10d0-\u10ff]/.test(letter))
    throw rareLetter(letter);
  return upper;
}

/** A part of a word in lower case, which a Σ or İ has by what is before it. */
function lowered(text: string): string {
  const rare = /[\u03a3\u0130]/.exec(text);
  if (rare) throw rareLetter(rare[0]);
  return text.toLowerCase();
}

const rareLetter = (letter: string): Error => new Error(`it changes the case of ${letter}`);
