import text from '../../../shaders/mask-rows.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { workgroupTree } from '../../device/tree.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import type { StackShape } from './optimizer.ts';

/**
 * A stack with the rows of the smallest values set to 0.
 *
 * @param x [n, rows, columns], laid out as `stack` says. @param values [n, 1, rows], with stride `apart`.
 * @param cut number of rows of each matrix to set to 0: those of the smallest values, the first ones on a tie.
 */
export function maskRows(
  g: Graph,
  x: Tensor,
  values: Tensor,
  stack: StackShape & { readonly apart: number },
  cut: number,
): Tensor {
  const [count, rows, columns] = x.shape;
  const { stride, apart } = stack;
  const y = g.intermediate(`masked ${x.name}`, x.shape, 'f32', count * stride);
  return g.record({
    name: 'mask rows',
    inputs: [x, values],
    outputs: [y],
    calls: () => [
      {
        kernel: {
          name: 'mask-rows',
          wgsl: () => workgroupTree({ name: 'sumOfAll', type: 'u32', threads: 64 }) + text,
          wasm: { entry: 'maskRows' },
        },
        params: [count, rows, columns, stride, apart, cut].map(u32),
        tensors: [x, values, y],
        workgroups: flatWorkgroups(count * rows, 1),
        units: count * rows,
        cost: count * rows * (4 * rows + 2 * columns),
      },
    ],
    reference: (value) => {
      for (let n = 0; n < count; n++) {
        const own = Array.from(value(values).subarray(n * apart, n * apart + rows));
        const passes = rowsKept(own, cut);
        for (let i = 0; i < rows * columns; i++) {
          const at = n * stride + i;
          value(y)[at] = passes[Math.floor(i / columns)] ? value(x)[at] : 0;
        }
      }
    },
  });
}

/** Which values are not among the `cut` smallest; on a tie the first counts as smaller. */
function rowsKept(values: readonly number[], cut: number): boolean[] {
  const order = [...values.keys()].sort((a, b) => values[a] - values[b] || a - b);
  const cutOff = new Set(order.slice(0, cut));
  return values.map((_, i) => !cutOff.has(i));
}
