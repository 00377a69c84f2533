import { EMBEDDED_STEPS, KERNEL_PARTS, MODEL_PARTS, omit, type Part } from '../../../src/bench/benchmark-parts.ts';
import { nodePlace } from '../node-place.ts';
import { learnEmbeddedOrder } from './embedded-order.ts';
import { measurePyTorch } from './pytorch.ts';

const EMBEDDED_ORDER = 'embedded model';

/** All parts, in the order in which they run: if time runs out, the last ones are left out. */
const partsOn = (isSoftware: boolean): readonly Part[] => [
  ...KERNEL_PARTS,
  { name: EMBEDDED_ORDER, run: () => learnEmbeddedOrder(nodePlace, isSoftware ? 'quick' : 'full') },
  EMBEDDED_STEPS,
  { name: 'PyTorch', run: measurePyTorch },
  ...MODEL_PARTS,
];

export const PART_NAMES: readonly string[] = partsOn(false).map(({ name }) => name);

/**
 * Parts whose name contains a text.
 *
 * @param isSoftware whether the adapter computes on the CPU: then only the embedded order runs, unless `runsAll`.
 */
export const partsFor = (text: string, isSoftware: boolean, runsAll: boolean): readonly Part[] =>
  partsOn(isSoftware)
    .filter(({ name }) => name.includes(text))
    .map((part) =>
      isSoftware && !runsAll && part.name !== EMBEDDED_ORDER ? omit(part, 'the adapter computes on the CPU') : part,
    );
