import template from '../../../shaders/sweep.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph, TensorCall } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { batchedMatmul } from './matmul.ts';

/** Rows of a block: its square fits into the workgroup memory that WebGPU guarantees, and its products fill a device. */
export const SWEEP_BLOCK = 32;
/** As many as WebGPU guarantees: a single workgroup inverts the block of a matrix. */
const PIVOT_THREADS = 256;

const ENTRIES = { PIVOT: 'sweepPivot', PANEL: 'sweepPanel', BORDERS: 'sweepBorders' } as const;
type Form = keyof typeof ENTRIES;

/** Where a block lies: `count` matrices [n, n], `stride` elements apart, and the rows and columns to sweep. */
interface SweptBlock {
  readonly count: number;
  readonly n: number;
  readonly stride: number;
  readonly first: number;
  readonly size: number;
}

function call(form: Form, { count, n, stride, first, size }: SweptBlock, tensors: Tensor[]): TensorCall {
  const threads = form === 'PIVOT' ? PIVOT_THREADS : 64;
  return {
    kernel: {
      name: `sweep/${form.toLowerCase()}`,
      wgsl: () =>
        fillTemplate(template, {
          PIVOT: form === 'PIVOT',
          PANEL: form === 'PANEL',
          BORDERS: form === 'BORDERS',
          ACCESS: form === 'BORDERS' ? 'read' : 'read_write',
          SIZE: SWEEP_BLOCK,
          THREADS: threads,
        }),
      wasm: { entry: ENTRIES[form] },
    },
    params: [n, first, size, count, stride].map(u32),
    tensors,
    workgroups: form === 'PIVOT' ? flatWorkgroups(count, 1) : flatWorkgroups(count * size * n, threads),
    units: form === 'PIVOT' ? count : count * size,
    cost: count * (form === 'PIVOT' ? 2 * size ** 3 : size * n * 4),
  };
}

/**
 * One block step of the sweep operator on symmetric positive definite matrices: `to` ← `from` swept on the rows and
 * columns from `first` on, {@link SWEEP_BLOCK} of them at most. After all blocks, in any order, each matrix is −A⁻¹. A
 * whole inverse takes 2 n³ operations, all in products but for 2 n² · {@link SWEEP_BLOCK}.
 *
 * @param from A, a stack [count, n, n]. @param to persistent, of the same layout, another buffer.
 * @param failures [count]: of each matrix, the number of pivots that are not positive is added, so that 0 means that it
 *   is positive definite.
 */
export function sweepBlock(g: Graph, from: Tensor, to: Tensor, first: number, failures: Tensor): void {
  const [count, n] = from.shape;
  const size = Math.min(SWEEP_BLOCK, n - first);
  const stride = from.elements / count;
  const place: SweptBlock = { count, n, stride, first, size };
  const matrices = Array.from({ length: count }, (_, m) => m);
  const D = g.record({
    name: 'sweep pivot',
    inputs: [from],
    outputs: [g.intermediate('inverse block', [count, size, size]), failures],
    effect: true,
    calls: () => [call('PIVOT', place, [from, D, failures])],
    reference: (value) => {
      for (const m of matrices) {
        const A = value(from).subarray(m * stride, m * stride + n * n);
        const d = value(D).subarray(m * size * size, (m + 1) * size * size);
        for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) d[i * size + j] = A[(first + i) * n + first + j];
        for (let k = 0; k < size; k++) {
          const found = d[k * size + k];
          const isPositive = found > 0 && found < 3.4e38;
          if (!isPositive) value(failures)[m]++;
          const pivot = isPositive ? found : 1;
          for (let i = 0; i < size; i++) {
            for (let j = 0; j < size; j++) {
              if (i !== k && j !== k) d[i * size + j] -= (d[i * size + k] / pivot) * d[k * size + j];
            }
          }
          for (let i = 0; i < size; i++) {
            if (i === k) continue;
            d[i * size + k] /= pivot;
            d[k * size + i] /= pivot;
          }
          d[k * size + k] = -1 / pivot;
        }
        d.forEach((v, e) => (d[e] = -v));
      }
    },
  });
  const R = g.record({
    name: 'sweep panel',
    inputs: [from],
    outputs: [g.intermediate('panel', [count, size, n])],
    calls: () => [call('PANEL', place, [from, R])],
    reference: (value) => {
      for (const m of matrices) {
        const begin = m * stride + first * n;
        value(R).set(value(from).subarray(begin, begin + size * n), m * size * n);
      }
    },
  });
  const DR = batchedMatmul(g, D, R, { layout: 'nn' }); // [count, size, n]
  batchedMatmul(g, R, DR, { layout: 'tn', alpha: -1, addend: from, into: to });
  g.record({
    name: 'sweep borders',
    inputs: [DR, D],
    outputs: [to],
    effect: true,
    calls: () => [call('BORDERS', place, [DR, D, to])],
    reference: (value) => {
      for (const m of matrices) {
        const A = value(to).subarray(m * stride, m * stride + n * n);
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < n; j++) {
            const isInside = j >= first && j < first + size;
            const row = m * size + i;
            const entry = isInside ? -value(D)[row * size + j - first] : value(DR)[row * n + j];
            A[(first + i) * n + j] = entry;
            if (!isInside) A[j * n + first + i] = entry;
          }
        }
      }
    },
  });
}
