import type { Tokenizer } from '../text/tokenizer.ts';
import type { Breathe } from './fit.ts';

/** Characters tokenised at once: a tenth of a second or less. */
const PART = 8192;
/** Characters of the part before that are tokenised again, so that a part is read as what follows them. */
const CONTEXT = 256;
/** How far from its end a place to divide a part is sought, and how many places are tried. */
const [SOUGHT, TRIES] = [2048, 16];

/**
 * The token ids of a text of any length, as the tokenizer gives them for the whole: it is divided where the tokens of
 * both sides do not depend on each other, if there is such a place. Tokenising it at once could hold up the thread for
 * minutes.
 *
 * @param breathe called and awaited after each part.
 * @throws what `breathe` throws.
 */
export async function encodeLong(
  { encode }: Pick<Tokenizer, 'encode'>,
  text: string,
  breathe: Breathe,
): Promise<number[]> {
  const ids: number[] = [];
  for (let begin = 0; begin < text.length || begin === 0;) {
    const from = Math.max(0, begin - CONTEXT);
    const known = begin === 0 ? [] : encode(text.slice(wholeFrom(text, from), begin));
    const end = begin + PART >= text.length ? text.length : placeToDivide(encode, text, begin + PART);
    const part = encode(text.slice(wholeFrom(text, from), end)).slice(known.length);
    for (const id of part) ids.push(id);
    await breathe();
    if (end === text.length) break;
    begin = end;
  }
  return ids;
}

/** The last place before `end` where a text can be divided; `end` itself if none is near. */
function placeToDivide(encode: (text: string) => number[], text: string, end: number): number {
  const near = text.slice(end - SOUGHT, end);
  // Before a line, before white space, after punctuation, anywhere: tokenizers join some of these.
  for (const pattern of [/(?<=\n)(?=\S)/g, /(?<=\S)(?=\s)/g, /(?<=\s)(?=\S)/g, /(?<=\p{P})/gu, /(?=.)/gsu]) {
    const places = Array.from(near.matchAll(pattern), ({ index }) => end - SOUGHT + index)
      .filter((place) => place > end - SOUGHT)
      .slice(-TRIES)
      .reverse();
    const found = places.find((place) => isDivided(encode, text, place));
    if (found !== undefined) return found;
  }
  return wholeFrom(text, end);
}

/** Whether the tokens around a place are those of what is before it, and of what is after it. */
function isDivided(encode: (text: string) => number[], text: string, place: number): boolean {
  const [from, to] = [wholeFrom(text, place - CONTEXT), wholeFrom(text, place + CONTEXT)];
  const before = encode(text.slice(from, place));
  const both = encode(text.slice(from, to));
  return before.every((id, i) => both[i] === id);
}

/** The place itself, or the one before it if it is within a character. */
function wholeFrom(text: string, place: number): number {
  const code = text.charCodeAt(place);
  return code >= 0xdc00 && code <= 0xdfff ? place - 1 : place;
}

/** Tokens beyond the last one wanted that are looked at: only they may differ from those of the whole text. */
const SPARE = 64;

/**
 * The first token ids of an answer, of which no more than `length` are needed: all of them unless it is much longer.
 */
export function encodeBeginning(
  { encodeLabel }: Pick<Tokenizer, 'encodeLabel'>,
  answer: string,
  length: number,
): number[] {
  for (let letters = 32 * (length + SPARE); letters < answer.length; letters *= 2) {
    const ids = encodeLabel(answer.slice(0, wholeFrom(answer, letters)));
    if (ids.length > length + SPARE) return ids;
  }
  return encodeLabel(answer);
}
