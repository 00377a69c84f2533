import type { MatmulShape } from '../../src/device/matmul-shape.ts';
import { type MatmulVariant, shapeClass, variantsOf } from '../../src/device/webgpu/kernels/matmul-variants.ts';
import { Tuning } from '../../src/device/webgpu/tuning.ts';

/** What a graphics card is assumed to prefer among the kernels of a product, best first. */
const PREFERRED: readonly MatmulVariant[] = ['few-rows', 'block', 'register-8'];

/** Chooses as a graphics card without subgroups of one size is assumed to, once everything has been measured. */
export class AssumedTuning extends Tuning {
  constructor() {
    super(undefined, false);
  }

  override variantOf(shape: MatmulShape): MatmulVariant {
    const start = super.variantOf(shape);
    if (shapeClass(shape, this) === undefined) return start;
    const possible = variantsOf(shape, this);
    return PREFERRED.find((one) => possible.includes(one)) ?? start;
  }
}
