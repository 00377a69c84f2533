import template from '../../../shaders/distillation.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { threadsOfRow, workgroupTree } from '../../device/tree.ts';
import type { Graph, KernelCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import type { Projection } from './chunked-logits.ts';
import { matmul } from './matmul.ts';

// Operations per element of a row in WebAssembly.
const COST = 60;

function call(
  form: 'ROWS' | 'GRADIENT',
  [rows, vocabulary]: readonly [number, number],
  tensors: Tensor[],
  sharesRows = false,
): KernelCall {
  const isRows = form === 'ROWS';
  const threads = isRows ? threadsOfRow(vocabulary, sharesRows) : 64;
  const trees = (): string =>
    workgroupTree({ name: 'combined', type: 'vec4f', threads, combine: 'together(a, b)' }) +
    workgroupTree({ name: 'sumOfRow', type: 'f32', threads });
  return {
    kernel: {
      name: `distillation/${form.toLowerCase()}-${threads}`,
      wgsl: () =>
        (isRows ? trees() : '') + fillTemplate(template, { ROWS: isRows, GRADIENT: !isRows, THREADS: threads }),
      wasm: { entry: isRows ? 'divergenceRows' : 'divergenceGradient' },
    },
    params: [rows, vocabulary].map(u32),
    tensors,
    workgroups: isRows ? flatWorkgroups(rows, 1) : flatWorkgroups(rows * vocabulary, 64),
    units: rows,
    cost: COST * rows * vocabulary,
  };
}

/** log p of a row of scores. */
function logProbabilities(scores: Numbers, row: number, vocabulary: number): number[] {
  const own = Array.from(scores.subarray(row * vocabulary, (row + 1) * vocabulary));
  const top = own.reduce((a, b) => Math.max(a, b), -Infinity);
  const logSum = top + Math.log(own.reduce((sum, x) => sum + Math.exp(x - top), 0));
  return own.map((x) => x - logSum);
}

/**
 * KL(teacher ‖ scores) of every row: Σ q (log q − log p), where q and p are the softmax of the teacher's scores and of
 * `scores`. The teacher has no gradient.
 *
 * @param scores [..., V] @param teacher of the same shape.
 * @param labels i32 [...]: rows of negative labels (−100) count as 0.
 * @returns [rows, 1].
 */
export function divergence(g: Graph, scores: Tensor, teacher: Tensor, labels: Tensor): Tensor {
  const vocabulary = scores.shape.at(-1) ?? 1;
  const rows = sizeOf(scores.shape) / vocabulary;
  const loss = g.intermediate('divergences', [rows, 1]);
  const lse = g.intermediate('log-sum-exp of both', [2 * rows]);
  g.record({
    name: 'divergence',
    inputs: [scores, teacher, labels],
    outputs: [loss, lse],
    calls: ({ sharesRows }) => [call('ROWS', [rows, vocabulary], [scores, teacher, labels, loss, lse], sharesRows)],
    reference: (value) => {
      for (let r = 0; r < rows; r++) {
        const [p, q] = [scores, teacher].map((one) => logProbabilities(value(one), r, vocabulary));
        const sum = q.reduce((total, log, v) => total + Math.exp(log) * (log - p[v]), 0);
        value(loss)[r] = value(labels)[r] < 0 ? 0 : sum;
        value(lse)[2 * r] = value(scores)[r * vocabulary] - p[0];
        value(lse)[2 * r + 1] = value(teacher)[r * vocabulary] - q[0];
      }
    },
    gradient: ([dloss]) => [dloss && divergenceGradient(g, { scores, teacher, labels, lse, dloss })],
  });
  return loss;
}

function divergenceGradient(
  g: Graph,
  given: { scores: Tensor; teacher: Tensor; labels: Tensor; lse: Tensor; dloss: Tensor },
): Tensor {
  const { scores, teacher, labels, lse, dloss } = given;
  const vocabulary = scores.shape.at(-1) ?? 1;
  const rows = sizeOf(scores.shape) / vocabulary;
  const slope = g.intermediate(`d ${scores.name}`, scores.shape);
  const inputs = [scores, teacher, labels, lse, dloss];
  return g.record({
    name: 'divergence gradient',
    inputs,
    outputs: [slope],
    calls: () => [call('GRADIENT', [rows, vocabulary], [...inputs, slope])],
    reference: (value) => {
      for (let i = 0; i < rows * vocabulary; i++) {
        const r = Math.floor(i / vocabulary);
        const p = Math.exp(value(scores)[i] - value(lse)[2 * r]);
        const q = Math.exp(value(teacher)[i] - value(lse)[2 * r + 1]);
        value(slope)[i] = value(labels)[r] < 0 ? 0 : value(dloss)[r] * (p - q);
      }
    },
  });
}

/**
 * Weighted sum of KL(teacher ‖ student) over the vocabulary at a temperature τ, a scalar [1, 1]
 * (docs/method.md, eq. (29)): Σ_r weight[r] KL(softmax(t/τ) ‖ softmax(s/τ)). The scores of both, [rows, V], are in memory at once.
 *
 * @param labels i32, negative if a row does not count. @param weight f32 [1, rows].
 */
export function distillation(
  g: Graph,
  student: Projection,
  teacher: Projection,
  rows: { readonly labels: Tensor; readonly weight: Tensor },
  temperature: number,
): Tensor {
  const scoresOf = ({ x, head, alpha }: Projection): Tensor =>
    matmul(g, x, head, { layout: 'nt', alpha: alpha / temperature });
  const each = divergence(g, scoresOf(student), scoresOf(teacher), rows.labels); // [rows, 1]
  return matmul(g, rows.weight, each, { layout: 'nn' });
}
