import { BLOCK_SHAPES, type BlockValues, BLOCK } from './block-step.ts';
import { sizeOf } from '../graph/tensor.ts';

/** Numbers in [−0.5, 0.5): the linear congruential generator of the peers' harness. */
function fill(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

/** Initial values of the block, drawn as the peers' harness draws them. */
export function blockValues(): BlockValues {
  const p = Object.entries(BLOCK_SHAPES).map(([name, shape], i): [string, Float32Array] => {
    if (name.startsWith('g')) return [name, new Float32Array(sizeOf(shape)).fill(1)];
    const scale = (2 / Math.sqrt(shape[0])) * 0.5;
    return [name, fill(sizeOf(shape), 100 + i).map((value) => value * scale)];
  });
  const { B, S, D } = BLOCK;
  return { p: Object.fromEntries(p), x: fill(B * S * D, 7), y: fill(B * S * D, 8) };
}
