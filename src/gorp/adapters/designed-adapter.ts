import type { Device } from '../../device/device.ts';
import { compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { addInto } from '../../graph/ops/elementwise.ts';
import { plainTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { outsideRows, recordLeadingVectors, sketchSize } from '../../linear-algebra/block-power.ts';

/**
 * Writes the A of InfLoRA (docs/method.md, eq. (26)): the first r left singular vectors of P C, as rows, over √3. It
 * responds to the main inputs of the new task outside the space of earlier tasks. Rows without a direction left outside
 * the space are 0 there.
 *
 * @param covariance C = X Xᵀ of the task's inputs as columns, [in, in], not necessarily divided by their number.
 * @param P of the space, [in, in]; undefined before the first task.
 * @param into A [r, in], one for each layer that reads the input.
 */
export async function writeDesignedA(
  device: Device,
  covariance: Tensor,
  P: Tensor | undefined,
  into: readonly Tensor[],
): Promise<void> {
  const [rank, n] = into[0].shape;
  const size = sketchSize(rank, n, n);
  const sketch = storeTensor(device, plainTensor('main inputs', [size, n]), 'inputs');
  const g = new Graph();
  // P C = dYᵀ X for X = C and dY = P; and C has the singular vectors of C C.
  recordLeadingVectors(g, { x: covariance, dy: P ?? covariance }, 'left', sketch);
  const leading = { ...sketch, shape: [rank, n], elements: rank * n };
  // Vectors of a singular value of 0 are arbitrary and can lie in the space.
  const rows = outsideRows(g, leading, P);
  for (const A of into) addInto(g, rows, A, 1 / Math.sqrt(3), 0);
  try {
    const compiled = await compile(device, 'designed adapters', g, []);
    try {
      await device.run([compiled.program]);
    } finally {
      compiled.destroy();
    }
  } finally {
    sketch.storage.buffer.destroy();
  }
}
