import type { KernelCall, KernelPlan } from './kernel.ts';
import type { MatmulShape } from './matmul-shape.ts';

/** The tensors of a product C = alpha op(A) op(B) (+ D). */
export interface ProductTensors<T> {
  readonly a: T;
  readonly b: T;
  readonly c: T;
  readonly d?: T | undefined;
}

/** The kernel of an attention or of one of its gradients. */
export interface AttentionPlan extends KernelPlan {
  /**
   * Results that the kernel writes one after another, each from a part of the work: o and lse to be merged, dk and dv to be
   * added. At most {@link Planner.attentionParts}.
   */
  readonly parts: number;
}

/** Chooses a device's kernels for products and attention, and says how others should divide their work. */
export interface Planner {
  /**
   * Whether the threads of a workgroup should share each row of a tensor. A graphics card reads their neighbouring
   * elements together, and has idle threads where rows are few. A CPU prefers a thread for each row.
   */
  readonly sharesRows: boolean;
  /** Floats of scratch memory of a product; 0 if it needs none. */
  productScratch(shape: MatmulShape): number;
  /**
   * The kernels of a product.
   *
   * @param scratch memory of at least the size from {@link productScratch}; undefined instead of 0.
   */
  product<T>(shape: MatmulShape, tensors: ProductTensors<T>, scratch: T | undefined): KernelCall<T>[];
  /** Most parts in which a kernel may write the result: more than one where there are too few results for a device. */
  attentionParts(form: AttentionForm, shape: AttentionShape): number;
  /** The kernel of an attention. Tensors are in the order of `shaders/attention-inputs.wgsl`. */
  attention(form: AttentionForm, shape: AttentionShape): AttentionPlan;
}

/** Sizes of an attention, named as in `shaders/attention-inputs.wgsl`. */
export interface AttentionShape {
  /** Queries and keys. */
  readonly N: number;
  readonly M: number;
  readonly H: number;
  readonly Hk: number;
  /** Head size. */
  readonly d: number;
  readonly scale: number;
  readonly causal: boolean;
  /** Number of positions that a query sees, including its own; null means no limit. */
  readonly window: number | null;
  /** Spans of the table. */
  readonly spans: number;
  /** Distances of the bias; 0 if there is none. */
  readonly distances: number;
  /** Whether queries are at a position after the first key of their span. */
  readonly position: boolean;
}

/** The result to compute: that of attention, or its gradients. */
export type AttentionForm = 'FORWARD' | 'GRAD_Q' | 'GRAD_KV';

/** Query-key products in each form. */
const PRODUCTS = { FORWARD: 2, GRAD_Q: 3, GRAD_KV: 4 } as const;

/** Approximate operations of an attention or of one of its gradients, whose spans count as equally long. */
export function attentionOperations(form: AttentionForm, { N, M, H, d, spans }: AttentionShape): number {
  return (PRODUCTS[form] * 2 * H * N * M * d) / Math.max(1, spans);
}
