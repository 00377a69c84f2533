import type { Graph, Operation } from './graph.ts';
import type { Tensor } from './tensor.ts';

/**
 * Trades time for memory (activation recomputation, or gradient checkpointing): drops values that only a block's own
 * backward pass reads after the block's forward pass, and recomputes them with the same kernels when the backward pass
 * gets there. Values that other blocks read, such as a block's output, stay. Results are the same bit for bit.
 *
 * Call it after recording everything; {@link Graph.block} marks the blocks.
 */
export function recomputeBlocks(graph: Graph): void {
  const { operations, blocks, forwardOperations } = graph;
  const forward = operations.slice(0, forwardOperations);
  const dropped = new Map<Tensor, Operation>();
  for (const { first, end } of blocks) {
    const readElsewhere = new Set([...forward.slice(0, first), ...forward.slice(end)].flatMap(({ inputs }) => inputs));
    for (const operation of forward.slice(first, end)) {
      for (const made of operation.outputs) if (!made.storage && !readElsewhere.has(made)) dropped.set(made, operation);
    }
  }

  const again = new Map<Tensor, Tensor>();
  const result = forward;
  const makeAgain = (tensor: Tensor): void => {
    const operation = dropped.get(tensor);
    if (operation === undefined || again.has(tensor)) return;
    operation.inputs.forEach(makeAgain);
    for (const made of operation.outputs) again.set(made, { ...made });
    result.push(withTensors(operation, again));
  };
  for (const operation of operations.slice(forwardOperations)) {
    operation.inputs.forEach(makeAgain);
    result.push(withTensors(operation, again));
  }
  operations.splice(0, operations.length, ...result);
}

/** The same operation on other tensors. */
function withTensors(operation: Operation, others: ReadonlyMap<Tensor, Tensor>): Operation {
  const other = (tensor: Tensor): Tensor => others.get(tensor) ?? tensor;
  return {
    ...operation,
    inputs: operation.inputs.map(other),
    outputs: operation.outputs.map(other),
    calls: (planner, scratch) =>
      operation.calls(planner, scratch).map((call) => ({ ...call, tensors: call.tensors.map(other) })),
    reference: (value) => operation.reference((tensor) => value(other(tensor))),
  };
}
