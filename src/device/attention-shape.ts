/** Sizes of an attention, named as in `shaders/attention-inputs.wgsl`. */
export interface AttentionSizes {
  readonly B: number;
  readonly Sq: number;
  readonly Bk: number;
  readonly Sk: number;
  readonly H: number;
  readonly Hk: number;
  /** Head size. */
  readonly d: number;
}

/** An attention's sizes and its optional tensors. */
export interface AttentionShape extends AttentionSizes {
  readonly scale: number;
  readonly causal: boolean;
  /** Index of the first query among the keys, before `position` is added. */
  readonly offset: number;
  /** Number of positions that a query sees, including its own; null means no limit. */
  readonly window: number | null;
  /** Whether there is a bias: per head, shared by all heads, or per head by the distance of query and key. */
  readonly bias: boolean | 'shared' | 'distance';
  readonly position: boolean;
  /**
   * Spans of a table that cuts Sq and Sk, and distances of the bias by distance, or 0. Then B and Bk are 1. Gradients need
   * a table.
   */
  readonly spans?: { readonly count: number; readonly distances: number };
}

/** What to compute: the result or gradients. */
export type AttentionForm = 'FORWARD' | 'GRAD_Q' | 'GRAD_KV';

/** Query-key products in each form. */
const PRODUCTS = { FORWARD: 2, GRAD_Q: 3, GRAD_KV: 4 } as const;

/** Approximate operations of an attention or of one of its gradients, whose spans count as equally long. */
export function attentionOperations(form: AttentionForm, { B, H, Sq, Sk, d, spans }: AttentionShape): number {
  return (PRODUCTS[form] * 2 * B * H * Sq * Sk * d) / Math.max(1, spans?.count ?? 1);
}
