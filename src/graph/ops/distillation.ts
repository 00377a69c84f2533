import template from '../../../shaders/distillation.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { threadsOfRow, workgroupTree } from '../../device/tree.ts';
import type { Graph, TensorCall, Numbers } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import type { Projection } from './chunked-logits.ts';
import { matmul } from './matmul.ts';

// Operations per element of a row in WebAssembly.
const COST = 60;

function call(
  form: 'ROWS' | 'GRADIENT',
  [rows, vocabulary, omits]: readonly [number, number, number],
  tensors: Tensor[],
  sharesRows = false,
): TensorCall {
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
    params: [rows, vocabulary, omits].map(u32),
    tensors,
    workgroups: isRows ? flatWorkgroups(rows, 1) : flatWorkgroups(rows * vocabulary, 64),
    units: rows,
    cost: COST * rows * vocabulary,
  };
}

/** log p of a row of scores; −∞ for a token that is left out. */
function logProbabilities(scores: Numbers, row: number, vocabulary: number, omitted: number): number[] {
  const own = Array.from(scores.subarray(row * vocabulary, (row + 1) * vocabulary));
  if (omitted >= 0) own[omitted] = -Infinity;
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
 * @param omitsRight whether q and p are those of the other tokens than the label alone; 0 if there is no other.
 * @returns [rows, 1].
 */
export function divergence(g: Graph, scores: Tensor, teacher: Tensor, labels: Tensor, omitsRight = false): Tensor {
  const vocabulary = scores.shape.at(-1) ?? 1;
  const rows = sizeOf(scores.shape) / vocabulary;
  const loss = g.intermediate('divergences', [rows, 1]);
  const lse = g.intermediate('log-sum-exp of both', [2 * rows]);
  g.record({
    name: 'divergence',
    inputs: [scores, teacher, labels],
    outputs: [loss, lse],
    calls: ({ sharesRows }) => [
      call('ROWS', [rows, vocabulary, Number(omitsRight)], [scores, teacher, labels, loss, lse], sharesRows),
    ],
    reference: (value) => {
      for (let r = 0; r < rows; r++) {
        const label = value(labels)[r];
        const omitted = omitsRight ? label : -1;
        const [p, q] = [scores, teacher].map((one) => logProbabilities(value(one), r, vocabulary, omitted));
        const sum = q.reduce((total, log, v) => (v === omitted ? total : total + Math.exp(log) * (log - p[v])), 0);
        const isEmpty = omitted === 0 && vocabulary === 1;
        const shown = omitted === 0 ? 1 : 0; // a token that counts
        value(loss)[r] = label < 0 || isEmpty ? 0 : sum;
        value(lse)[2 * r] = isEmpty ? 0 : value(scores)[r * vocabulary + shown] - p[shown];
        value(lse)[2 * r + 1] = isEmpty ? 0 : value(teacher)[r * vocabulary + shown] - q[shown];
      }
    },
    gradient: ([dloss]) => [dloss && divergenceGradient(g, { scores, teacher, labels, lse, dloss }, omitsRight)],
  });
  return loss;
}

function divergenceGradient(
  g: Graph,
  given: { scores: Tensor; teacher: Tensor; labels: Tensor; lse: Tensor; dloss: Tensor },
  omitsRight: boolean,
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
    calls: () => [call('GRADIENT', [rows, vocabulary, Number(omitsRight)], [...inputs, slope])],
    reference: (value) => {
      for (let i = 0; i < rows * vocabulary; i++) {
        const r = Math.floor(i / vocabulary);
        const p = Math.exp(value(scores)[i] - value(lse)[2 * r]);
        const q = Math.exp(value(teacher)[i] - value(lse)[2 * r + 1]);
        const label = value(labels)[r];
        const isOmitted = omitsRight && i % vocabulary === label;
        value(slope)[i] = label < 0 || isOmitted ? 0 : value(dloss)[r] * (p - q);
      }
    },
  });
}

/** How two models are compared: scores are divided by a temperature τ; see {@link divergence}. */
export interface Distilling {
  readonly temperature: number;
  readonly omitsRight: boolean;
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
  { temperature, omitsRight }: Distilling,
): Tensor {
  const scoresOf = ({ x, head, alpha }: Projection): Tensor =>
    matmul(g, x, head, { layout: 'nt', alpha: alpha / temperature });
  const each = divergence(g, scoresOf(student), scoresOf(teacher), rows.labels, omitsRight); // [rows, 1]
  return matmul(g, rows.weight, each, { layout: 'nn' });
}
