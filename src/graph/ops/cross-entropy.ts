import { matmulReference } from '../../device/matmul-reference.ts';
import type { Graph, KernelCall } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import { CHUNK_BYTES, ChunkedLogits, type ProductForm, type Projection, scoresOf } from './chunked-logits.ts';
import { productCalls } from './matmul.ts';
import { scoresCall } from './scores-kernel.ts';

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
        const back = (form: ProductForm, c: Tensor | undefined): KernelCall[] => {
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
