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

/** What to compute: the result or gradients. */
export type AttentionForm = 'FORWARD' | 'GRAD_Q' | 'GRAD_KV';

/** Query-key products in each form. */
const PRODUCTS = { FORWARD: 2, GRAD_Q: 3, GRAD_KV: 4 } as const;

/** Approximate operations of an attention or of one of its gradients, whose spans count as equally long. */
export function attentionOperations(form: AttentionForm, { N, M, H, d, spans }: AttentionShape): number {
  return (PRODUCTS[form] * 2 * H * N * M * d) / Math.max(1, spans);
}
