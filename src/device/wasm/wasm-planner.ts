import type { AttentionForm, AttentionShape } from '../attention-shape.ts';
import type { KernelCall } from '../kernel.ts';
import type { MatmulShape } from '../matmul-shape.ts';
import type { AttentionPlan, Planner, ProductTensors } from '../kernel-planner.ts';
import { planWasmAttention } from './attention.ts';
import { planProduct } from './products.ts';

/** Plans with the one kernel for all products and those of attention, which have their own scratch memory. */
export class WasmPlanner implements Planner {
  readonly sharesRows = false;

  productScratch(): number {
    return 0;
  }

  product<T>(shape: MatmulShape, { a, b, c, d }: ProductTensors<T>): KernelCall<T>[] {
    return [{ ...planProduct(shape), tensors: d === undefined ? [a, b, c] : [a, b, c, d] }];
  }

  attentionParts(): number {
    return 1;
  }

  attention(form: AttentionForm, shape: AttentionShape): AttentionPlan {
    return { ...planWasmAttention(form, shape), parts: 1 };
  }
}
