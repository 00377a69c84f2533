import { LETTER } from './layout.ts';

const SAMPLE = 26;
const GAP = 18;

interface Legend {
  /** The names, cut to fit a row. */
  readonly names: readonly string[];
  /** Where each entry begins, in CSS pixels from the left, and its row from 0. */
  readonly places: readonly { readonly x: number; readonly row: number }[];
  readonly rows: number;
}

/** Lays out the entries of a legend in rows of a given width. */
export function legendPlaces(all: readonly string[], width: number): Legend {
  const most = Math.max(4, Math.floor((width - SAMPLE) / LETTER));
  const names = all.map((name) => (name.length > most ? `${name.slice(0, most - 1)}…` : name));
  let [x, row] = [0, 0];
  const places = names.map((name) => {
    const needs = SAMPLE + name.length * LETTER;
    if (x > 0 && x + needs > width) [x, row] = [0, row + 1];
    const place = { x, row };
    x += needs + GAP;
    return place;
  });
  return { names, places, rows: names.length === 0 ? 0 : row + 1 };
}
