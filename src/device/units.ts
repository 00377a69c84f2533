/**
 * Neighbouring elements that are one piece of an elementwise kernel on WebAssembly: a multiple of 16, so that every piece
 * but the last is made of whole vectors.
 */
export const ELEMENTS_PER_UNIT = 1024;

/** Pieces of an elementwise kernel. */
export const elementUnits = (elements: number): number => Math.ceil(elements / ELEMENTS_PER_UNIT);

/** The word that a kernel reads as this float. */
export function floatWord(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
