import template from '../../../shaders/cross-entropy.wgsl?raw';
import { flatWorkgroups, u32, type Workgroups } from '../../gpu/kernel.ts';
import { fillTemplate } from '../../gpu/template.ts';
import type { Graph, KernelCall } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

type Form = 'ROWS' | 'TOTAL' | 'GRADIENT' | 'ARGMAX';

function call(form: Form, rows: number, vocabulary: number, tensors: Tensor[]): KernelCall {
  const workgroups: Workgroups =
    form === 'TOTAL'
      ? [1, 1, 1]
      : form === 'GRADIENT'
        ? flatWorkgroups(rows * vocabulary, 64)
        : flatWorkgroups(rows, 1);
  return {
    kernel: {
      name: `cross-entropy/${form.toLowerCase()}`,
      wgsl: fillTemplate(template, {
        ROWS: form === 'ROWS',
        TOTAL: form === 'TOTAL',
        GRADIENT: form === 'GRADIENT',
        ARGMAX: form === 'ARGMAX',
        PER_ROW: form === 'ROWS' || form === 'ARGMAX',
      }),
    },
    params: [u32(rows), u32(vocabulary)],
    tensors,
    workgroups,
  };
}

/** Loss of each row, and what its gradient needs. */
export interface RowLosses {
  /** [rows]: −log p(label); 0 where the label is negative. */
  readonly loss: Tensor;
  readonly logSumExp: Tensor;
}

/** Cross-entropy of each row. logits [..., V], labels i32 [...]; negative labels (−100) do not count. */
export function rowLosses(g: Graph, logits: Tensor, labels: Tensor): RowLosses {
  const vocabulary = logits.shape.at(-1) ?? 1;
  const rows = sizeOf(labels.shape);
  const loss = g.intermediate('row losses', [rows]);
  const logSumExp = g.intermediate('log-sum-exp of logits', [rows]);
  g.record({
    name: 'cross-entropy',
    inputs: [logits, labels],
    outputs: [loss, logSumExp],
    calls: () => [call('ROWS', rows, vocabulary, [logits, labels, loss, logSumExp])],
    twin: (value) => {
      for (let r = 0; r < rows; r++) {
        const row = Float64Array.from(value(logits).subarray(r * vocabulary, (r + 1) * vocabulary));
        const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
        const sum = row.reduce((total, x) => total + Math.exp(x - top), 0);
        const label = value(labels)[r];
        value(logSumExp)[r] = top + Math.log(sum);
        value(loss)[r] = label < 0 ? 0 : value(logSumExp)[r] - row[label];
      }
    },
  });
  return { loss, logSumExp };
}

/**
 * Weighted sum of row losses, Σ_r weight[r] loss[r]: a scalar [1].
 *
 * @param weight f32 [rows]: loss mask over its divisor, 1 / (number of label tokens) for T5.
 */
export function crossEntropy(g: Graph, logits: Tensor, labels: Tensor, weight: Tensor): Tensor {
  const vocabulary = logits.shape.at(-1) ?? 1;
  const rows = sizeOf(labels.shape);
  const { loss, logSumExp } = rowLosses(g, logits, labels);
  const total = g.intermediate('loss', [1]);
  return g.record({
    name: 'weighted loss',
    inputs: [logits, loss, logSumExp, labels, weight],
    outputs: [total],
    calls: () => [call('TOTAL', rows, vocabulary, [loss, weight, total])],
    twin: (value) => {
      value(total)[0] = Float64Array.from(value(loss)).reduce((sum, x, r) => sum + value(weight)[r] * x, 0);
    },
    // The gradient goes straight to the logits: row losses and log-sum-exp are only on the way.
    gradient: ([dtotal]) => {
      if (dtotal === undefined) return [];
      const dlogits = g.intermediate('d logits', logits.shape);
      g.record({
        name: 'cross-entropy gradient',
        inputs: [logits, labels, logSumExp, weight, dtotal],
        outputs: [dlogits],
        calls: () => [call('GRADIENT', rows, vocabulary, [logits, labels, logSumExp, weight, dtotal, dlogits])],
        twin: (value) => {
          for (let i = 0; i < rows * vocabulary; i++) {
            const r = Math.floor(i / vocabulary);
            const label = value(labels)[r];
            const probability = Math.exp(value(logits)[i] - value(logSumExp)[r]);
            const hit = label === i % vocabulary ? 1 : 0;
            value(dlogits)[i] = label < 0 ? 0 : value(dtotal)[0] * value(weight)[r] * (probability - hit);
          }
        },
      });
      return [dlogits];
    },
  });
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
    calls: () => [call('ARGMAX', rows, vocabulary, [logits, best])],
    twin: (value) => {
      for (let r = 0; r < rows; r++) {
        const row = Float64Array.from(value(logits).subarray(r * vocabulary, (r + 1) * vocabulary));
        value(best)[r] = row.reduce((top, x, v) => (x > row[top] ? v : top), 0);
      }
    },
  });
}
