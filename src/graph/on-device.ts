import { wholeOf } from '../device/buffers.ts';
import type { Device, Values } from '../device/device.ts';
import { pack } from '../device/packing.ts';
import { compile } from './compile.ts';
import type { Graph, Numbers } from './graph.ts';
import { bytesOf, placeIn, sizeOf, type Tensor } from './tensor.ts';

/** Stored tensors with their stored values. A matrix in parts yields its parts, each in its packing. */
export const storedValues = (values: ReadonlyMap<Tensor, Numbers>): [Tensor, Values][] =>
  [...values]
    .flatMap(([tensor, data]) => partsWithValues(tensor, data))
    .map(([tensor, data]) => {
      const reals = tensor.dtype === 'f32' ? Float32Array.from(data) : data;
      return [tensor, (tensor.packing ? pack(reals as Float32Array, tensor.packing) : reals) as Values];
    });

/** Stored tensors with their values. A matrix in parts yields its parts. */
export function partsWithValues(tensor: Tensor, data: Numbers): [Tensor, Numbers][] {
  let at = 0;
  return (tensor.parts ?? [tensor]).map((part) => [part, data.slice(at, (at += part.elements))]);
}

/**
 * Runs a graph on a device, and checks that it refuses no call and leaves no live buffer.
 *
 * @param values of the persistent tensors.
 * @returns the values of the roots, without padding.
 */
export async function runOnDevice(
  device: Device,
  graph: Graph,
  values: ReadonlyMap<Tensor, Numbers>,
  roots: readonly Tensor[],
): Promise<Map<Tensor, Float32Array | Int32Array>> {
  const before = device.buffers.liveBuffers;
  const buffers = storedValues(values).map(([tensor, data]) => {
    const buffer = device.buffers.storage(tensor.name, bytesOf(tensor));
    device.write(buffer, 0, data);
    placeIn(tensor, wholeOf(buffer));
    return buffer;
  });
  const compiled = await compile(device, 'test', graph, roots);
  await device.run([compiled.program]);
  const found = new Map<Tensor, Float32Array | Int32Array>();
  for (const tensor of roots) {
    const size = sizeOf(tensor.shape);
    const bytes = size === 0 ? new ArrayBuffer(0) : await device.read(compiled.rangeOf(tensor));
    found.set(tensor, tensor.dtype === 'f32' ? new Float32Array(bytes, 0, size) : new Int32Array(bytes, 0, size));
  }
  compiled.destroy();
  for (const buffer of buffers) buffer.destroy();
  device.check(); // after the reads, which waited for all work and its errors
  const { liveBuffers } = device.buffers;
  if (liveBuffers !== before) throw new Error(`${liveBuffers - before} buffers are still live`);
  return found;
}

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
