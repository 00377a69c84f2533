import { EMBEDDED_STEPS, KERNEL_PARTS, MODEL_PARTS, omit, type Part } from '../../src/bench/parts.ts';
import { nodePlace } from '../node-place.ts';
import { learnEmbeddedOrder } from './embedded-order.ts';
import { measurePyTorch } from './pytorch.ts';

const EMBEDDED_ORDER = 'embedded model';
const ORDER: readonly Part[] = [
  ...KERNEL_PARTS,
  { name: EMBEDDED_ORDER, run: ({ scope }) => learnEmbeddedOrder(nodePlace, scope.smallProducts ? 'quick' : 'full') },
  EMBEDDED_STEPS,
  { name: 'PyTorch', run: measurePyTorch },
  ...MODEL_PARTS,
];

export const PART_NAMES: readonly string[] = ORDER.map(({ name }) => name);

/**
 * Parts whose name contains a text, in the order in which they run: if time runs out, the last ones are left out.
 *
 * @param isSlow whether the adapter computes on the CPU, on which only the embedded order runs.
 */
export const partsFor = (text: string, isSlow: boolean): readonly Part[] =>
  ORDER.filter(({ name }) => name.includes(text)).map((part) =>
    isSlow && part.name !== EMBEDDED_ORDER ? omit(part, 'the adapter computes on the CPU') : part,
  );
