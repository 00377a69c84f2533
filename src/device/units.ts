/**
 * Consecutive elements in one unit of an elementwise WebAssembly kernel: a multiple of 16, so that every unit but the
 * last consists of whole vectors.
 */
export const ELEMENTS_PER_UNIT = 1024;

/** Number of units of an elementwise kernel. */
export const elementUnits = (elements: number): number => Math.ceil(elements / ELEMENTS_PER_UNIT);
