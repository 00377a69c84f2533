import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { shareIn } from '../../base/units.ts';

/**
 * Holds the focus in an element whose buttons take turns: a focused one that goes, without an event, would drop it on
 * the page. The first button that can be pressed gets it.
 *
 * @param change what says which buttons there are.
 * @returns handlers for the element.
 */
export function useFocusStays(element: RefObject<HTMLElement | null>, change: unknown) {
  const hasFocus = useRef(false);
  useLayoutEffect(() => {
    if (!hasFocus.current || document.activeElement !== document.body) return;
    element.current?.querySelector<HTMLElement>('button:not(:disabled)')?.focus();
  }, [element, change]);
  return { onFocus: () => void (hasFocus.current = true), onBlur: () => void (hasFocus.current = false) };
}

/** Copies a text. @returns whether that worked: pages over plain http have no clipboard, and the user may have blocked it. */
export async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Width of an element's content in CSS pixels, updated as it changes; 0 before the first layout. */
export function useWidth(ref: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}

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

/** The cell that a key moves to in a grid of `rows` × `columns`; null for other keys. Movement stops at the edges. */
export function gridStep(
  key: string,
  [row, column]: readonly [number, number],
  rows: number,
  columns: number,
): [row: number, column: number] | null {
  switch (key) {
    case 'ArrowUp':
      return [Math.max(row - 1, 0), column];
    case 'ArrowDown':
      return [Math.min(row + 1, rows - 1), column];
    case 'ArrowLeft':
      return [row, Math.max(column - 1, 0)];
    case 'ArrowRight':
      return [row, Math.min(column + 1, columns - 1)];
    case 'Home':
      return [row, 0];
    case 'End':
      return [row, columns - 1];
    default:
      return null;
  }
}
