import { expect } from 'vitest';
import { WasmPlanner } from '../device/wasm/wasm-planner.ts';
import type { Numbers, Operation } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import { relativeError } from './compare.ts';
import type { GraphUnderTest } from './graphs.ts';
import { storedValues } from '../graph/on-device.ts';
import type { WasmKernels, WasmTensor } from './wasm.ts';

const PLANNER = new WasmPlanner();

/**
 * Runs a graph operation by operation with the WebAssembly kernels, each call whole and in pieces. Operations without a
 * kernel run by their reference.
 *
 * @returns names of the kernels that ran and values of the outputs.
 */
export function runOperations(
  kernels: WasmKernels,
  t: GraphUnderTest,
): { entries: Set<string>; outputs: Map<string, Float64Array> } {
  const stored = new Map<Tensor, WasmTensor>(storedValues(t.values));
  const entries = new Set<string>();
  const place = (tensor: Tensor): WasmTensor => {
    let data = stored.get(tensor);
    if (data === undefined) {
      // A slot's memory holds old values.
      data = tensor.dtype === 'f32' ? new Float32Array(tensor.elements).fill(NaN) : new Uint32Array(tensor.elements);
      stored.set(tensor, data);
    }
    return data;
  };
  for (const operation of t.graph.operations) {
    const scratch = (operation.scratch?.(PLANNER) ?? []).map((size, i) => t.graph.intermediate(`scratch ${i}`, [size]));
    const calls = operation.calls(PLANNER, scratch);
    if (calls.length === 0 || calls.some(({ kernel }) => kernel.wasm === undefined)) {
      runReference(operation, place);
      continue;
    }
    for (const { kernel, params, tensors, units = 1 } of calls) {
      if (kernel.wasm === undefined) continue;
      kernels.run({ ...kernel.wasm, params, units, tensors: tensors.map(place) });
      entries.add(kernel.wasm.entry);
    }
  }
  const outputs = new Map(
    [...t.outputs]
      .filter(([name]) => name !== 'probe loss')
      .map(([name, tensor]) => [name, Float64Array.from(place(tensor).slice(0, tensor.elements))]),
  );
  return { entries, outputs };
}

/** Compares every output with the reference. @returns names of the kernels that ran. */
export function checkOperations(kernels: WasmKernels, t: GraphUnderTest, tolerance: number): Set<string> {
  const { expected } = t;
  const { entries, outputs } = runOperations(kernels, t);
  for (const [name, actual] of outputs) {
    expect(relativeError(actual, expected.get(name) ?? []), `${name} by WebAssembly`).toBeLessThan(tolerance);
  }
  return entries;
}

function runReference(operation: Operation, place: (tensor: Tensor) => WasmTensor): void {
  const numbers = new Map<Tensor, Numbers>();
  operation.reference((tensor) => {
    const data = place(tensor);
    const known = numbers.get(tensor) ?? (data instanceof Float32Array ? Float64Array.from(data) : data);
    numbers.set(tensor, known);
    return known;
  });
  for (const [tensor, data] of numbers) place(tensor).set(data);
}
