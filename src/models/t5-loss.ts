import type { Graph } from '../graph/graph.ts';
import { crossEntropy, rowLosses } from '../graph/ops/cross-entropy.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { T5 } from './t5.ts';

/** Inputs of a batch. B examples, sources of S tokens, targets of T tokens. */
export interface T5Batch {
  /** u32 [B, S], padded with the pad id. */
  sourceIds: Tensor;
  /** f32 [B, S]: 1 for tokens, 0 for padding. */
  sourceMask: Tensor;
  /** u32 [B, T]: labels shifted right. */
  decoderIds: Tensor;
  /** f32 [B, T], all ones. */
  targetMask: Tensor;
  /** i32 [B, T], −100 for padding. */
  labels: Tensor;
  /** f32 [B · T]: 1 / (number of label tokens in the batch). */
  weights: Tensor;
}

/** Mean cross-entropy over label tokens: a scalar [1]. */
export function t5Loss(g: Graph, model: T5, batch: T5Batch): Tensor {
  const memory = model.encode(g, batch.sourceIds, batch.sourceMask); // [B, S, D]
  const cross = model.crossKeyValues(g, memory);
  const last = model.decode(g, batch.decoderIds, batch.targetMask, cross, batch.sourceMask); // [B, T, D]
  return crossEntropy(g, model.logits(g, last), batch.labels, batch.weights);
}

/**
 * −log p of every label token, [B · L · T], for L candidate answers to each of B sources: what `ranked` accuracy
 * compares. The source is encoded once.
 *
 * @param batch with decoder inputs, target mask and labels of B · L rows, candidates of a source side by side.
 */
export function t5CandidateLosses(g: Graph, model: T5, batch: Omit<T5Batch, 'weights'>): Tensor {
  const memory = model.encode(g, batch.sourceIds, batch.sourceMask); // [B, S, D]
  const cross = model.crossKeyValues(g, memory);
  const last = model.decode(g, batch.decoderIds, batch.targetMask, cross, batch.sourceMask); // [B·L, T, D]
  return rowLosses(g, model.logits(g, last), batch.labels).loss; // [B·L·T]
}
