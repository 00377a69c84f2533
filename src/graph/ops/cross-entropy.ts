import { matmulReference } from '../../device/matmul-shape.ts';
import type { Graph, TensorCall } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import {
  CHUNK_BYTES,
  ChunkedLogits,
  type ProductForm,
  type Projection,
  scoresCall,
  scoresOf,
} from './chunked-logits.ts';
import { productCalls } from './matmul.ts';

/** Loss of each row, and the input of its gradient. */
interface RowLosses {
  /** [rows]: −log p(label); 0 if the label is negative. */
  readonly loss: Tensor;
  readonly logSumExp: Tensor;
}

/**
 * Cross-entropy of each row of x. Labels i32 [...]; negative labels (−100) do not count.
 *
 * @param chunkBytes maximum bytes of logits in memory at once.
 */
function rowLosses(g: Graph, projection: Projection, labels: Tensor, chunkBytes = CHUNK_BYTES): RowLosses {
  const { x, head } = projection;
  const chunked = new ChunkedLogits(projection, chunkBytes);
  const { rows, vocabulary, chunks } = chunked;
  const loss = g.intermediate('row losses', [rows]);
  const logSumExp = g.intermediate('log-sum-exp of logits', [rows]);
  g.record({
    name: 'cross-entropy',
    inputs: [x, head, labels],
    outputs: [loss, logSumExp],
    scratch: (planner) => chunked.scratch(planner, [chunked.forward]),
    calls: (planner, memory) =>
      chunked.pass(planner, memory, (chunk, { logits }) => [
        scoresCall('ROWS', chunked.scores(chunk), [logits, labels, loss, logSumExp], planner.sharesRows),
      ]),
    reference: (value) => {
      for (const chunk of chunks) {
        const scores = scoresOf(chunked, chunk, value);
        for (let r = 0; r < chunk.rows; r++) {
          const row = scores.subarray(r * chunked.row, r * chunked.row + vocabulary);
          const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
          const sum = row.reduce((total, x) => total + Math.exp(x - top), 0);
          const label = value(labels)[chunk.first + r];
          value(logSumExp)[chunk.first + r] = top + Math.log(sum);
          value(loss)[chunk.first + r] = label < 0 ? 0 : top + Math.log(sum) - row[label];
        }
      }
    },
  });
  return { loss, logSumExp };
}

/**
 * Weighted sum of row losses, Σ_r weight[r] loss[r]: a scalar [1]. Projection and loss are one operation, so that the
 * logits of a whole batch are never in memory: the backward pass recomputes them chunk by chunk.
 *
 * @param weight f32 [rows]: loss mask over its divisor, 1 / (number of label tokens) for T5.
 * @param chunkBytes maximum bytes of logits in memory at once.
 */
export function crossEntropy(
  g: Graph,
  projection: Projection,
  labels: Tensor,
  weight: Tensor,
  chunkBytes = CHUNK_BYTES,
): Tensor {
  const { x, head } = projection;
  const { loss, logSumExp } = rowLosses(g, projection, labels, chunkBytes);
  const total = g.intermediate('loss', [1]);
  return g.record({
    name: 'weighted loss',
    inputs: [x, head, loss, logSumExp, labels, weight],
    outputs: [total],
    calls: () => [scoresCall('TOTAL', { rows: sizeOf(labels.shape), vocabulary: 1, row: 1 }, [loss, weight, total])],
    reference: (value) => {
      value(total)[0] = Float64Array.from(value(loss)).reduce((sum, x, r) => sum + value(weight)[r] * x, 0);
    },
    // The gradient goes directly to x and head: row losses and log-sum-exp are intermediates.
    gradient: ([dtotal], [wantsX, wantsHead]) => {
      if (dtotal === undefined) return [];
      const chunked = new ChunkedLogits(projection, chunkBytes);
      const rest = { labels, logSumExp, weight, dtotal };
      return recordProjectionGradient(g, chunked, rest, { wantsX, wantsHead });
    },
  });
}

function recordProjectionGradient(
  g: Graph,
  chunked: ChunkedLogits,
  given: { labels: Tensor; logSumExp: Tensor; weight: Tensor; dtotal: Tensor },
  { wantsX, wantsHead }: { wantsX: boolean; wantsHead: boolean },
): (Tensor | undefined)[] {
  const { x, head } = chunked.projection;
  const { labels, logSumExp, weight, dtotal } = given;
  const { chunks } = chunked;
  const dx = wantsX ? g.intermediate(`d ${x.name}`, x.shape) : undefined;
  const dhead = wantsHead ? g.intermediate(`d ${head.name}`, head.shape) : undefined;
  g.record({
    name: 'cross-entropy gradient',
    inputs: [x, head, labels, logSumExp, weight, dtotal],
    outputs: [dx, dhead].filter((t) => t !== undefined),
    scratch: (planner) => chunked.scratch(planner, [chunked.forward, chunked.toInput, chunked.toHead]),
    calls: (planner, memory) =>
      chunked.pass(planner, memory, (chunk, { logits, scratch }) => {
        const back = (form: ProductForm, c: Tensor | undefined): TensorCall[] => {
          if (c === undefined) return [];
          const [shape, b] = form(chunk);
          return productCalls(shape, { a: logits, b, c }, scratch, planner);
        };
        return [
          scoresCall('GRADIENT', chunked.scores(chunk), [logits, labels, logSumExp, weight, dtotal]),
          ...back(chunked.toInput, dx),
          ...back(chunked.toHead, dhead),
        ];
      }),
    reference: (value) => {
      for (const chunk of chunks) {
        const scores = scoresOf(chunked, chunk, value);
        const dlogits = scores.map((score, i) => {
          const r = chunk.first + Math.floor(i / chunked.row);
          const label = value(labels)[r];
          const probability = Math.exp(score - value(logSumExp)[r]);
          const hit = label === i % chunked.row ? 1 : 0;
          return label < 0 ? 0 : value(dtotal)[0] * value(weight)[r] * (probability - hit);
        });
        for (const [form, c] of [[chunked.toInput, dx] as const, [chunked.toHead, dhead] as const]) {
          if (c === undefined) continue;
          const [shape, b] = form(chunk);
          matmulReference(shape, dlogits, value(b), value(c) as Float64Array);
        }
      }
    },
  });
  return [dx, dhead];
}

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
