import type { Graph } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import { CHUNK_BYTES, ChunkedLogits, type Projection, scoresOf } from './chunked-logits.ts';
import { scoresCall } from './scores-kernel.ts';

/** The choices at each of L nodes, C in all: node n has choices `begins[n]` up to `begins[n + 1]`. */
export interface Choices {
  /** u32 [L + 1]. */
  readonly begins: Tensor;
  /** u32 [C]. */
  readonly tokens: Tensor;
}

/**
 * How likely the choices at nodes are, and the likeliest token at each. Has no gradient.
 *
 * @param projection x is [B, N, D].
 * @param chunkBytes maximum bytes of logits in memory at once.
 * @returns `loss` [B, C], −log p of every choice at its node; `best` u32 [B, N], the likeliest token of the vocabulary
 *   at every node (the lowest on a tie).
 */
export function choiceLosses(
  g: Graph,
  projection: Projection,
  { begins, tokens }: Choices,
  chunkBytes = CHUNK_BYTES,
): { loss: Tensor; best: Tensor } {
  const { x, head } = projection;
  const [B, N] = x.shape;
  const C = sizeOf(tokens.shape);
  const chunked = new ChunkedLogits(projection, chunkBytes);
  const { vocabulary, chunks } = chunked;
  const loss = g.intermediate('choice losses', [B, C]);
  const best = g.intermediate('best tokens', [B, N], 'u32');
  g.record({
    name: 'choice losses',
    inputs: [x, head, begins, tokens],
    outputs: [loss, best],
    scratch: (planner) => chunked.scratch(planner, [chunked.forward]),
    calls: (planner, memory) =>
      chunked.pass(planner, memory, (chunk, { logits }) => {
        const tensors = [logits, begins, tokens, loss, best];
        return [scoresCall('CHOICES', chunked.scores(chunk), tensors, planner.sharesRows, [N, C])];
      }),
    reference: (value) => {
      for (const chunk of chunks) {
        const scores = scoresOf(chunked, chunk, value);
        for (let r = 0; r < chunk.rows; r++) {
          const row = scores.subarray(r * chunked.row, r * chunked.row + vocabulary);
          const top = row.reduce((max, x, v) => (x > row[max] ? v : max), 0);
          const logSumExp = row[top] + Math.log(row.reduce((sum, x) => sum + Math.exp(x - row[top]), 0));
          const at = chunk.first + r;
          value(best)[at] = top;
          for (let c = value(begins)[at % N]; c < value(begins)[(at % N) + 1]; c++) {
            value(loss)[Math.floor(at / N) * C + c] = logSumExp - row[value(tokens)[c]];
          }
        }
      }
    },
  });
  return { loss, best };
}

/** Index of the largest logit of each row (the lowest on a tie): u32 [rows]. */
export function argMax(g: Graph, logits: Tensor): Tensor {
  const vocabulary = logits.shape.at(-1) ?? 1;
  const rows = sizeOf(logits.shape) / vocabulary;
  const best = g.intermediate('arg-max', [rows], 'u32');
  return g.record({
    name: 'arg-max',
    inputs: [logits],
    outputs: [best],
    calls: ({ sharesRows }) => [
      scoresCall('ARGMAX', { rows, vocabulary, row: vocabulary }, [logits, best], sharesRows),
    ],
    reference: (value) => {
      for (let r = 0; r < rows; r++) {
        const row = Float64Array.from(value(logits).subarray(r * vocabulary, (r + 1) * vocabulary));
        value(best)[r] = row.reduce((top, x, v) => (x > row[top] ? v : top), 0);
      }
    },
  });
}
