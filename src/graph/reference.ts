import type { Graph, Numbers } from './graph.ts';
import type { Tensor } from './tensor.ts';

/** An array for the values of a tensor on the CPU, filled with zeros. */
function emptyValues(tensor: Tensor): Numbers {
  const size = tensor.elements;
  if (tensor.dtype === 'f32') return new Float64Array(size);
  return tensor.dtype === 'i32' ? new Int32Array(size) : new Uint32Array(size);
}

/**
 * Runs a graph, or some of its operations, on the CPU in f64 with the plain TypeScript references of its kernels.
 *
 * @param values of persistent tensors; operations change them in place.
 * @returns a function that gives the value of any tensor of the graph.
 */
export function runOnCpu(
  graph: Pick<Graph, 'operations'>,
  values: ReadonlyMap<Tensor, Numbers>,
): (tensor: Tensor) => Numbers {
  const all = new Map(values);
  const valueOf = (tensor: Tensor): Numbers => {
    let value = all.get(tensor);
    if (value === undefined) all.set(tensor, (value = emptyValues(tensor)));
    return value;
  };
  for (const operation of graph.operations) operation.reference(valueOf);
  return valueOf;
}
