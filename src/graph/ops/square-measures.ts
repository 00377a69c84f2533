import template from '../../../shaders/square-measures.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { workgroupTree } from '../../device/tree.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/** The value that stands for NaN. */
const LARGEST = 3.4e38;

function measure(g: Graph, x: Tensor, into: Tensor, index: number, form: 'TRACE' | 'LARGEST'): void {
  const [n] = x.shape;
  g.record({
    name: `square ${form.toLowerCase()}`,
    inputs: [x],
    outputs: [into],
    effect: true,
    calls: () => [
      {
        kernel: {
          name: `square-measures/${form.toLowerCase()}`,
          wgsl: () =>
            workgroupTree({
              name: 'combined',
              type: 'f32',
              threads: 256,
              combine: form === 'LARGEST' ? 'max(a, b)' : undefined,
            }) + fillTemplate(template, { TRACE: form === 'TRACE' }),
          wasm: { entry: form === 'TRACE' ? 'squareTrace' : 'squareLargest' },
        },
        params: [n, index].map(u32),
        tensors: [x, into],
        workgroups: flatWorkgroups(1, 1),
        units: 1,
        cost: form === 'TRACE' ? n : n * n,
      },
    ],
    reference: (value) => {
      const data = value(x);
      let found = 0;
      if (form === 'TRACE') for (let i = 0; i < n; i++) found += data[i * n + i];
      else for (const v of data) found = Math.max(found, Math.abs(v) < LARGEST ? Math.abs(v) : LARGEST);
      value(into)[index] = found;
    },
  });
}

/** into[index] ← the sum of the diagonal. @param x [n, n]. */
export const trace = (g: Graph, x: Tensor, into: Tensor, index: number): void => measure(g, x, into, index, 'TRACE');

/** into[index] ← the largest magnitude; 3.4e38 if an entry is NaN. @param x [n, n]. */
export const largestEntry = (g: Graph, x: Tensor, into: Tensor, index: number): void =>
  measure(g, x, into, index, 'LARGEST');
