import {
  type AttentionForm,
  attentionOperations,
  type AttentionPlan,
  type AttentionShape,
  type Planner,
  type ProductTensors,
} from '../kernel-planner.ts';
import type { KernelCall } from '../kernel.ts';
import { type MatmulShape, productOperations } from '../matmul-shape.ts';
import { partsOfAttention, planAttention } from './kernels/attention.ts';
import { planVariant, scratchOf } from './kernels/matmul-variants.ts';
import { stepsOf } from './kernels/matmul.ts';
import type { Tuning } from './tuning.ts';

/** Plans with the kernels measured to be the fastest, or safe ones until they have been measured. */
export class GpuPlanner implements Planner {
  readonly #tuning: Tuning;

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
  }

  get sharesRows(): boolean {
    return !this.#tuning.isSoftware;
  }

  productScratch(shape: MatmulShape): number {
    return scratchOf(shape, this.#tuning);
  }

  product<T>({ halves, ...rest }: MatmulShape, tensors: ProductTensors<T>, scratch: T | undefined): KernelCall<T>[] {
    const tuning = this.#tuning;
    const shape: MatmulShape = tuning.halves && halves ? { ...rest, halves } : rest;
    const plan = planVariant(shape, tuning.variantOf(shape), tuning);
    return stepsOf({ ...plan, cost: productOperations(shape) }, tensors, scratch);
  }

  attentionParts(form: AttentionForm, shape: AttentionShape): number {
    return this.#tuning.attentionOf(form, shape.d) === 'tiles' ? partsOfAttention(form, shape) : 1;
  }

  attention(form: AttentionForm, shape: AttentionShape): AttentionPlan {
    return {
      ...planAttention(form, shape, this.#tuning.attentionOf(form, shape.d)),
      cost: attentionOperations(form, shape),
    };
  }
}
