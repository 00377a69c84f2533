import type { MatmulShape } from '../../src/device/matmul-shape.ts';
import { stepsOf } from '../../src/device/webgpu/kernels/matmul.ts';
import {
  type MatmulVariant,
  planVariant,
  scratchOf,
  variantsOf,
} from '../../src/device/webgpu/kernels/matmul-variants.ts';
import type { Tuning, Wanted } from '../../src/device/webgpu/tuning.ts';
import type { AdapterTraits } from '../../src/device/webgpu/adapter-traits.ts';
import type { Card } from './cards.ts';
import { estimate } from './estimate.ts';
import { describe } from './families/index.ts';
import { callOf } from './calls.ts';
import type { RecordedCall } from './work.ts';

/**
 * Lets a card choose what programs have asked for, as measuring does, by what the model says. Programs recorded after it
 * have its choices.
 */
export function chooseFor(tuning: Tuning, card: Card): void {
  for (const wanted of tuning.wanted) choose(tuning, wanted, card);
}

function choose(tuning: Tuning, wanted: Wanted, card: Card): void {
  // Loops serve only where a driver compiles tiles wrongly.
  if (wanted.of === 'attention') return tuning.chooseAttention(wanted.shapeClass, tuning.startAttention);
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
