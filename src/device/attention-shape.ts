/** Sizes of an attention, as `shaders/attention.wgsl` names them. */
export interface AttentionSizes {
  readonly B: number;
  readonly Sq: number;
  readonly Bk: number;
  readonly Sk: number;
  readonly H: number;
  readonly Hk: number;
  /** Size of a head. */
  readonly d: number;
}

/** An attention, and which of the optional tensors there are. */
export interface AttentionShape extends AttentionSizes {
  readonly scale: number;
  readonly causal: boolean;
  /** Place of the first query among the keys, before `position` is added. */
  readonly offset: number;
  /** Places that a query sees, its own among them; null is no limit. */
  readonly window: number | null;
  /** Whether there is one, for each head or one that all share. */
  readonly bias: boolean | 'shared';
  readonly position: boolean;
  /** Whether `GRAD_Q` also gives the gradient of the scores. */
  readonly scores?: boolean;
}

/** What is computed: the result, or gradients. */
export type AttentionForm = 'FORWARD' | 'GRAD_Q' | 'GRAD_KV';

/** Products of queries by keys that each form takes. */
const PRODUCTS = { FORWARD: 2, GRAD_Q: 3, GRAD_KV: 4 } as const;

/** Operations of an attention or of one of its gradients, about. */
export function attentionOperations(form: AttentionForm, { B, H, Sq, Sk, d }: AttentionSizes): number {
  return PRODUCTS[form] * 2 * B * H * Sq * Sk * d;
}
