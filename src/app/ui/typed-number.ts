import { shareIn } from '../../base/units.ts';

/** Reads a typed number: the number; `ambiguous` if it can be read in two ways; null if it is none. */
type Typed = { readonly value: number } | 'ambiguous' | null;

/** A point or a comma before exactly three digits: `1,000` is a thousand to some and one to others. */
const THOUSANDS_OR_DECIMALS = /^[+-]?[1-9]\d{0,2}[.,]\d{3}$/;
/** Digits in groups of three, set apart by spaces, apostrophes or underscores: `12 000`. */
const GROUPS = /(\d)[\s\u00A0\u202F'’_](?=\d{3}(?:\D|$))/g;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * Reads a number as people write it: `0.003`, `0,003`, `3e-3`, `12 000`, with any minus sign.
 * A text that means different numbers in different countries is not guessed.
 *
 * @param integer whether a whole number is expected: then a lone separator before three digits could be meant to group.
 * @param shares whether a share may be meant, written in percent.
 */
export function typedNumber(text: string, integer: boolean, shares = false): Typed {
  const share = shares ? shareIn(text) : null;
  if (share !== null) return { value: share };
  const plain = text
    .trim()
    .replaceAll(/[\u2212\u2012\u2013]/g, '-')
    .replaceAll(GROUPS, '$1');
  if (THOUSANDS_OR_DECIMALS.test(plain) && (integer || plain.includes(','))) return 'ambiguous';
  const point = plain.includes('.') ? plain : plain.replace(',', '.');
  return NUMBER.test(point) ? { value: Number(point) } : null;
}
