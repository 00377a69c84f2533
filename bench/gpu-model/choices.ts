import type { MatmulShape } from '../../src/device/matmul-shape.ts';
import { stepsOf } from '../../src/device/webgpu/kernels/matmul.ts';
import {
  type MatmulVariant,
  planVariant,
  scratchOf,
  variantsOf,
} from '../../src/device/webgpu/kernels/matmul-variants.ts';
import { Tuning, type Wanted } from '../../src/device/webgpu/tuning.ts';
import type { AdapterTraits } from '../../src/device/webgpu/adapter-traits.ts';
import type { Card } from './cards.ts';
import { estimate } from './estimate.ts';
import { describe } from './families/index.ts';
import { callOf } from './calls.ts';
import type { RecordedCall } from './work.ts';

/** Threads of a subgroup, as Dawn reports for the cards of NVIDIA and Apple. */
const LANES = 32;

/** The choices of a graphics card that has measured nothing. */
export const firstRun = (): Tuning => new Tuning(LANES, false);

/**
 * The choices of a card that has measured everything, if it measures what the model says. As in a run, the first
 * program that needs a class of kernels makes it known, and the next recording has it.
 */
export function tunedFor(card: Card): Tuning {
  const tuning = firstRun();
  tuning.measureWith({
    wake: () => {
      for (let { wanted } = tuning; wanted; { wanted } = tuning) choose(tuning, wanted, card);
    },
    finish: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  });
  return tuning;
}

function choose(tuning: Tuning, wanted: Wanted, card: Card): void {
  // Loops serve only where a driver compiles tiles wrongly.
  if (wanted.of === 'attention') return tuning.chooseAttention(wanted.shapeClass, tuning.safeAttention);
  const { shape, shapeClass } = wanted;
  const seconds = (variant: MatmulVariant): number =>
    secondsOf(productCalls(shape, planVariant(shape, variant, tuning), tuning), card);
  const best = variantsOf(shape, tuning).reduce((least, name) => (seconds(name) < seconds(least) ? name : least));
  tuning.choose(shapeClass, best);
}

const secondsOf = (calls: readonly RecordedCall[], card: Card): number =>
  calls.reduce((sum, call) => sum + estimate(call, describe(call).work, card).seconds, 0);

/** The calls of a product by a kernel. */
function productCalls(shape: MatmulShape, plan: ReturnType<typeof planVariant>, traits: AdapterTraits): RecordedCall[] {
  const { M, N, K, batch, addend } = shape;
  const bytes = (elements: number): number => 4 * batch * elements;
  const tensors = { a: bytes(M * K), b: bytes(K * N), c: bytes(M * N), d: addend ? bytes(M * N) : undefined };
  return stepsOf(plan, tensors, 4 * scratchOf(shape, traits)).map((call) => callOf(call, call.tensors));
}
