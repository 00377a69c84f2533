import template from '../../shaders/reduce-splits.wgsl?raw';
import { flatWorkgroups, type KernelPlan, u32 } from './kernel.ts';
import { fillTemplate } from './template.ts';
import { ELEMENTS_PER_UNIT, elementUnits } from './units.ts';

/** Sums of parts, named as in `shaders/reduce-splits.wgsl`. */
interface ReductionShape {
  /** Number of parts to add up. */
  readonly splits: number;
  readonly batch: number;
  /** Rows and columns of each result. */
  readonly M: number;
  readonly N: number;
  readonly batchC: number;
  readonly batchD: number;
  readonly rowC: number;
  readonly offsetC: number;
  readonly addend: boolean;
  readonly accumulate: boolean;
}

/** The kernel that adds up parts of sums. Bindings: parts [batch · splits, M, N], C, then D. */
export function planReduction(shape: ReductionShape): KernelPlan {
  const { splits, batch, M, N, batchC, batchD, rowC, offsetC, addend, accumulate } = shape;
  return {
    kernel: {
      name: 'matmul/reduce-splits',
      wgsl: () => fillTemplate(template, { ADDEND: addend, ACCUMULATE: accumulate }),
    },
    params: [M * N, splits, batch, batchC, batchD, N, rowC, offsetC].map(u32),
    workgroups: flatWorkgroups(batch * M * N, 64),
  };
}

/** C [size] = Σ_s parts [splits, size]. */
export function planSumOfParts(splits: number, size: number): KernelPlan {
  const { kernel, ...plan } = planReduction({
    ...{ splits, batch: 1, M: 1, N: size, addend: false, accumulate: false },
    ...{ batchC: 0, batchD: 0, rowC: size, offsetC: 0 },
  });
  const wasm = { entry: 'sumOfParts', constants: [ELEMENTS_PER_UNIT] };
  return { ...plan, kernel: { ...kernel, wasm }, units: elementUnits(size), cost: splits * size * 8 };
}
