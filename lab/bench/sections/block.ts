import { measureBlock } from '../../../src/bench/block-step.ts';
import { benchOf, type Section } from '../bench.ts';

/** One encoder block on a graphics adapter. */
export const blockSection: Section = (place, { rounds }) =>
  measureBlock(benchOf(place, { rounds, smallProducts: false, chosenKernels: false }));
