import type { Graph } from '../graph/graph.ts';
import { add } from '../graph/ops/elementwise.ts';
import { innerProduct } from '../graph/ops/inner-product.ts';
import { sizeOf, type Tensor } from '../graph/tensor.ts';

/**
 * The loss of the measured block, mean((y − goal)²), which no model of this project uses.
 *
 * @param into persistent [1]: receives Σ (y − goal)², to be divided by the number of elements on the host.
 * @param scale d total / d loss, by which all gradients are multiplied.
 * @returns a scalar to differentiate.
 */
export function meanSquaredError(g: Graph, y: Tensor, goal: Tensor, into: Tensor, scale: number): Tensor {
  const d = add(g, y, goal, 1, -1); // [B, S, D]
  innerProduct(g, d, d, into, 0);
  return g.record({
    name: 'mean squared error',
    inputs: [d],
    outputs: [g.intermediate('error', [1])], // represents what is computed above
    calls: () => [],
    reference: () => undefined,
    gradient: () => [add(g, d, d, (2 * scale) / sizeOf(y.shape), 0)],
  });
}
