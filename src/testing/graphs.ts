import { expect } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import type { MatmulLayout } from '../device/matmul-shape.ts';
import { pack, type Packing, PACKINGS, unpack } from '../device/packing.ts';
import { Graph, type Numbers, type Operation } from '../graph/graph.ts';
import { partsWithValues, runOnCpu, runOnDevice } from '../graph/on-device.ts';
import { add } from '../graph/ops/elementwise.ts';
import { type DataType, sizeOf, type Tensor } from '../graph/tensor.ts';
import { relativeError } from './compare.ts';

/** Named input of a graph under test. */
export interface TestInput {
  shape: number[];
  dtype?: DataType;
  trainable?: boolean;
  /** Stores a matrix packed, rounding its values to the packing. */
  packing?: Packing;
  /** Stores a matrix in parts of this many rows. */
  rowsPerPart?: number;
  /** Marks a parameter of a model. */
  mayBeHalf?: true;
  /** Values; roughly normal random numbers by default. */
  values?: ArrayLike<number>;
}

/** Random numbers with mean 0 and deviation about 1. */
export function noise(size: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: size }, () => (random.next() + random.next() + random.next() - 1.5) * 2);
}

export { PACKINGS };

/** A trained input. */
export const weight = (shape: number[]): TestInput => ({ shape, trainable: true });

/** Random integers in [0, below), from {@link noise}. */
export const integers = (size: number, below: number, seed = 3): number[] =>
  Array.from(noise(size, seed), (x) => Math.floor(Math.abs(x) * 1000) % below);

/** Stored shapes of a product's operands. */
export const operandsOf = (layout: MatmulLayout, M: number, N: number, K: number): [a: number[], b: number[]] => [
  layout === 'tn' ? [K, M] : [M, K],
  layout === 'nt' ? [N, K] : [K, N],
];

const rowParts = (name: string, [rows, columns]: number[], max: number, packing: Packing | undefined): Tensor[] =>
  Array.from({ length: Math.ceil(rows / max) }, (_, i) => {
    const count = Math.min(max, rows - i * max);
    const shape = [count, columns];
    const part = {
      name: `${name} part ${i}`,
      shape,
      dtype: 'f32' as const,
      trainable: false,
      elements: count * columns,
    };
    return packing ? { ...part, packing } : part;
  });

/** Values rounded to the packing of a tensor or of its parts. */
function packed(values: ArrayLike<number>, tensor: Tensor): ArrayLike<number> {
  if (tensor.packing === undefined && tensor.parts?.[0].packing === undefined) return values;
  return partsWithValues(tensor, Float64Array.from(values)).flatMap(([{ packing, elements }, data]) =>
    Array.from(packing ? unpack(pack(Float32Array.from(data), packing), packing, elements) : data),
  );
}

const copied = (values: ReadonlyMap<Tensor, Numbers>): Map<Tensor, Numbers> =>
  new Map([...values].map(([tensor, data]) => [tensor, data.slice()]));

/** A graph under test: its inputs with values, and its outputs by name. */
export class GraphUnderTest {
  readonly graph = new Graph();
  readonly values = new Map<Tensor, Numbers>();
  readonly inputs = new Map<string, Tensor>();
  outputs = new Map<string, Tensor>();

  constructor(
    inputs: Record<string, TestInput>,
    build: (g: Graph, input: (name: string) => Tensor) => Record<string, Tensor>,
  ) {
    let seed = 1;
    for (const [name, input] of Object.entries(inputs)) {
      const { shape, dtype = 'f32', trainable = false, packing, rowsPerPart, mayBeHalf, values } = input;
      const parts = rowsPerPart === undefined ? undefined : rowParts(name, shape, rowsPerPart, packing);
      const plain = this.graph.persistent(name, shape, { dtype, trainable });
      const tensor: Tensor = {
        ...plain,
        ...(mayBeHalf && { mayBeHalf }),
        ...(parts ? { parts } : packing && { packing }),
      };
      const data = packed(values ?? noise(sizeOf(shape), seed++), tensor);
      this.values.set(
        tensor,
        dtype === 'f32' ? Float64Array.from(data) : dtype === 'i32' ? Int32Array.from(data) : Uint32Array.from(data),
      );
      this.inputs.set(name, tensor);
    }
    this.outputs = new Map(Object.entries(build(this.graph, (name) => this.input(name))));
  }

  input(name: string): Tensor {
    const tensor = this.inputs.get(name);
    if (tensor === undefined) throw new Error(`no input ${name}`);
    return tensor;
  }

  /** Adds the gradients of every trainable input with respect to Σ probe · output, as outputs `d <input>`. */
  withGradients(output: string): this {
    const g = this.graph;
    const y = this.outputs.get(output);
    if (y === undefined) throw new Error(`no output ${output}`);
    const loss = g.intermediate('probe loss', [1]);
    const probe = noise(sizeOf(y.shape), 99);
    const dy = g.persistent('d output', y.shape);
    const one = g.persistent('one', [1]);
    this.values.set(dy, probe);
    this.values.set(one, Float64Array.of(1));
    g.record({
      name: 'probe',
      inputs: [y],
      outputs: [loss],
      calls: () => [],
      reference: (value) => (value(loss)[0] = probe.reduce((sum, p, i) => sum + p * value(y)[i], 0)),
      gradient: () => [dy],
    });
    this.outputs.set('probe loss', loss);
    for (const [tensor, gradient] of g.backward(loss, one, (a, b) => add(g, a, b))) {
      this.outputs.set(`d ${tensor.name}`, gradient);
    }
    return this;
  }

  #expected: ReadonlyMap<string, Float64Array> | undefined;

  /** {@link onCpu} with its own values, computed once: they no longer change then. */
  get expected(): ReadonlyMap<string, Float64Array> {
    return (this.#expected ??= this.onCpu());
  }

  /** Values of all outputs from the CPU references. Leaves the inputs unchanged. */
  onCpu(values: ReadonlyMap<Tensor, Numbers> = this.values): Map<string, Float64Array> {
    const value = runOnCpu(this.graph, copied(values));
    return new Map([...this.outputs].map(([name, tensor]) => [name, Float64Array.from(value(tensor))]));
  }

  /** The probe loss with other values of the inputs. */
  #lossOf(values: ReadonlyMap<Tensor, Numbers>): number {
    const loss = this.outputs.get('probe loss');
    const { operations } = this.graph;
    const last = operations.findIndex(({ outputs }) => loss !== undefined && outputs.includes(loss));
    // The gradients come after it.
    const value = runOnCpu({ operations: operations.slice(0, last + 1) }, copied(values));
    return loss === undefined ? NaN : value(loss)[0];
  }

  /**
   * Compares every analytic gradient of the reference with its central differences, at up to `probes` elements each.
   * Graph and references are the same on every device, so this is done once: by the tests of the CPU device.
   */
  checkFiniteDifferences(device: Device, tolerance = 1e-6, probes = 12): void {
    if (device.facts.kind !== 'wasm') return;
    const analytic = this.expected;
    for (const [tensor, data] of this.values) {
      const gradient = analytic.get(`d ${tensor.name}`);
      if (!tensor.trainable || gradient === undefined) continue;
      const random = seededRandom(5);
      for (let n = 0; n < Math.min(probes, data.length); n++) {
        const i = data.length <= probes ? n : random.below(data.length);
        const at = (x: number): number => {
          const moved = data.slice();
          moved[i] = x;
          return this.#lossOf(new Map(this.values).set(tensor, moved));
        };
        const h = 1e-5;
        const slope = (at(data[i] + h) - at(data[i] - h)) / (2 * h);
        const error = Math.abs(slope - gradient[i]) / Math.max(1, Math.abs(slope));
        expect(error, `d ${tensor.name}[${i}]: ${gradient[i]}, differences give ${slope}`).toBeLessThan(tolerance);
      }
    }
  }

  /** Compares every output of a device with the reference. */
  async checkDevice(device: Device, tolerance: number): Promise<void> {
    const expected = this.expected;
    for (const [name, actual] of await this.onDevice(device)) {
      expect(relativeError(actual, expected.get(name) ?? []), `${name} on the device`).toBeLessThan(tolerance);
    }
  }

  /** Values of all outputs on a device, by {@link runOnDevice}. */
  async onDevice(device: Device): Promise<Map<string, Float64Array>> {
    const wanted = [...this.outputs].filter(([name]) => name !== 'probe loss');
    const roots = wanted.map(([, tensor]) => tensor);
    const found = await runOnDevice(device, this.graph, this.values, roots);
    return new Map(
      wanted
        .filter(([, tensor]) => sizeOf(tensor.shape) > 0)
        .map(([name, tensor]) => [name, Float64Array.from(found.get(tensor) ?? [])]),
    );
  }
}

/** An operation that computes nothing. */
export function idle(inputs: Tensor[], outputs: Tensor[], more: Partial<Operation> = {}): Operation {
  return { name: 'idle', inputs, outputs, calls: () => [], reference: () => undefined, ...more };
}
