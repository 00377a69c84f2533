import template from '../../../shaders/sweep.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph, KernelCall } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { matmul } from './matmul.ts';

/** Rows of a block: its square fits into the workgroup memory that WebGPU guarantees, and its products fill a device. */
export const SWEEP_BLOCK = 32;
/** As many as WebGPU guarantees: a single workgroup inverts a block. */
const PIVOT_THREADS = 256;

const ENTRIES = { PIVOT: 'sweepPivot', PANEL: 'sweepPanel', BORDERS: 'sweepBorders' } as const;
type Form = keyof typeof ENTRIES;

function call(form: Form, [n, first, size]: readonly [number, number, number], tensors: Tensor[]): KernelCall {
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
    params: [n, first, size].map(u32),
    tensors,
    workgroups: form === 'PIVOT' ? [1, 1, 1] : flatWorkgroups(size * n, threads),
    units: form === 'PIVOT' ? 1 : size,
    cost: form === 'PIVOT' ? 2 * size ** 3 : size * n * 4,
  };
}

/**
 * One block step of the sweep operator on a symmetric positive definite matrix: `to` ← `from` swept on the rows and
 * columns from `first` on, {@link SWEEP_BLOCK} of them at most. After all blocks, in any order, the matrix is −A⁻¹. A
 * whole inverse takes 2 n³ operations, all in products but for 2 n² · {@link SWEEP_BLOCK}.
 *
 * @param from A [n, n]. @param to persistent, [n, n], another buffer.
 * @param failures [1]: the number of pivots that are not positive is added, so that 0 means A is positive definite.
 */
export function sweepBlock(g: Graph, from: Tensor, to: Tensor, first: number, failures: Tensor): void {
  const [n] = from.shape;
  const size = Math.min(SWEEP_BLOCK, n - first);
  const place = [n, first, size] as const;
  const D = g.record({
    name: 'sweep pivot',
    inputs: [from],
    outputs: [g.intermediate('inverse block', [size, size]), failures],
    effect: true,
    calls: () => [call('PIVOT', place, [from, D, failures])],
    reference: (value) => {
      const d = value(D);
      for (let i = 0; i < size; i++)
        for (let j = 0; j < size; j++) d[i * size + j] = value(from)[(first + i) * n + first + j];
      for (let k = 0; k < size; k++) {
        const found = d[k * size + k];
        const isPositive = found > 0 && found < 3.4e38;
        if (!isPositive) value(failures)[0]++;
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
    },
  });
  const R = g.record({
    name: 'sweep panel',
    inputs: [from],
    outputs: [g.intermediate('panel', [size, n])],
    calls: () => [call('PANEL', place, [from, R])],
    reference: (value) => {
      for (let at = 0; at < size * n; at++) value(R)[at] = value(from)[first * n + at];
    },
  });
  const DR = matmul(g, D, R, { layout: 'nn' });
  matmul(g, R, DR, { layout: 'tn', alpha: -1, addend: from, into: to });
  g.record({
    name: 'sweep borders',
    inputs: [DR, D],
    outputs: [to],
    effect: true,
    calls: () => [call('BORDERS', place, [DR, D, to])],
    reference: (value) => {
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < n; j++) {
          const isInside = j >= first && j < first + size;
          const entry = isInside ? -value(D)[i * size + j - first] : value(DR)[i * n + j];
          value(to)[(first + i) * n + j] = entry;
          if (!isInside) value(to)[j * n + first + i] = entry;
        }
      }
    },
  });
}
