import template from '../../../../shaders/matmul-few-rows.wgsl?raw';
import { canUseVectors, type MatmulShape } from '../../matmul-shape.ts';
import { fillTemplate } from '../../template.ts';
import type { AdapterTraits } from '../adapter-traits.ts';
import { type MatmulPlan, splitProduct, splitsOf } from './matmul.ts';
import { productShader } from './product-shader.ts';

/** Maximum rows of a product, which one workgroup computes, so that each weight is read once. */
const MOST_ROWS = 16;
// With this K, half of the threads have work; parts of K are at least twice as long.
const LEAST_K = 256;

/** Whether a product has few rows and this kernel suits it. On a CPU its barriers cost more than it saves. */
export const hasFewRows = (shape: MatmulShape, { isSoftware }: AdapterTraits): boolean =>
  !isSoftware && shape.layout === 'nt' && shape.M <= MOST_ROWS && shape.K >= LEAST_K && canUseVectors(shape);

/** The kernel of a product of few rows. Bindings: A, B, C (partial sums when split), then D. */
export function planFewRows(shape: MatmulShape, traits: AdapterTraits): MatmulPlan {
  const { M, N, batch, packedB } = shape;
  // A thread has registers for 64 sums. Each block of columns reads all rows again, which are few.
  const tm = M <= 4 ? 4 : M <= 8 ? 8 : 16;
  const tn = M <= 8 ? 8 : 4;
  const values = (tm * tn) / 4;
  const share = 128 / values;
  const groups = [Math.ceil(N / tn), Math.ceil(M / tm)] as const;
  const splits = splitsOf(shape, traits, batch * groups[0] * groups[1], 2 * LEAST_K);
  const sizes = { TM: tm, TN: tn, TN4: tn / 4, V: values, V4: values / 4, SHARE: share, REST: 32 / share - 1 };
  const kernel = {
    name: `matmul/nt-few-${tm}x${tn}${packedB ? `-${packedB.packing}` : ''}`,
    wgsl: (sums: MatmulShape) => productShader(sums, { vec: true }) + fillTemplate(template, sizes),
  };
  return splitProduct(shape, kernel, groups, splits);
}
