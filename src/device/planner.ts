import type { AttentionForm, AttentionShape } from './attention-shape.ts';
import type { KernelCall, KernelPlan } from './kernel.ts';
import type { MatmulShape } from './matmul-shape.ts';

/** What a product C = alpha op(A) op(B) (+ D) reads and writes. */
export interface ProductTensors<T> {
  readonly a: T;
  readonly b: T;
  readonly c: T;
  readonly d?: T | undefined;
}

/** How a device computes what there are several ways to compute. */
export interface Planner {
  /** Floats of each piece of memory that a product needs while it runs; 0 for a piece that it does not need. */
  productScratch(shape: MatmulShape): readonly number[];
  /**
   * The kernels of a product.
   *
   * @param scratch pieces of at least the sizes that {@link productScratch} asks for; undefined in place of 0.
   */
  product<T>(shape: MatmulShape, tensors: ProductTensors<T>, scratch: readonly (T | undefined)[]): KernelCall<T>[];
  /** The kernel of an attention or of one of its gradients. Tensors are in the order of `shaders/attention.wgsl`. */
  attention(form: AttentionForm, shape: AttentionShape): KernelPlan;
}
