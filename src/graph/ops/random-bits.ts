/**
 * The hash of `shaders/dropout.wgsl` and `shaders/subspace.wgsl`, so that references get the same numbers. u32 → u32.
 */
export function hash(word: number): number {
  const state = (Math.imul(word, 747796405) + 2891336453) >>> 0;
  const mixed = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((mixed >>> 22) ^ mixed) >>> 0;
}
