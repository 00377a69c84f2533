import innerProductTemplate from '../../../shaders/inner-product.wgsl?raw';
import orthonormalityText from '../../../shaders/orthonormality.wgsl?raw';
import template from '../../../shaders/square-measures.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { workgroupTree } from '../../device/tree.ts';
import { type Graph, type TensorCall, present } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import { batchedMatmul } from './matmul.ts';

/** The value that stands for NaN. */
const LARGEST = 3.4e38;
/** Elements per workgroup at least, and the most workgroups: no call is long, and a device is full. */
const ELEMENTS_PER_GROUP = 4096;
const MAX_GROUPS = 256;

type Form = 'TRACE' | 'LARGEST';

/** A call of `groups` parts. Each part takes `each` of `count` elements. */
function callOf(form: Form, tensors: Tensor[], index: number, sizes: Record<'count' | 'each' | 'groups', number>) {
  const { count, each, groups } = sizes;
  return {
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
    params: [count, each, index].map(u32),
    tensors,
    workgroups: flatWorkgroups(groups, 1),
    units: groups,
    cost: count,
  } satisfies TensorCall;
}

/** into[index] ← the sum of the diagonal. @param x [n, n]. */
export function trace(g: Graph, x: Tensor, into: Tensor, index: number): void {
  const [n] = x.shape;
  g.record({
    name: 'square trace',
    inputs: [x],
    outputs: [into],
    effect: true,
    calls: () => [callOf('TRACE', [x, into], index, { count: n, each: n, groups: 1 })],
    reference: (value) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += value(x)[i * n + i];
      value(into)[index] = sum;
    },
  });
}

/** into[index] ← the largest magnitude; 3.4e38 if an entry is NaN. @param x [n, n]. */
export function largestEntry(g: Graph, x: Tensor, into: Tensor, index: number): void {
  const count = sizeOf(x.shape);
  const most = Math.max(1, Math.min(MAX_GROUPS, Math.ceil(count / ELEMENTS_PER_GROUP)));
  const each = Math.ceil(count / most);
  const groups = Math.ceil(count / each);
  g.record({
    name: 'square largest',
    inputs: [x],
    outputs: [into],
    scratch: () => [groups], // the largest of each part
    effect: true,
    calls: (_, scratch) => {
      const [parts] = present(scratch);
      return [
        callOf('LARGEST', [x, parts], 0, { count, each, groups }),
        callOf('LARGEST', [parts, into], index, { count: groups, each: groups, groups: 1 }),
      ];
    },
    reference: (value) => {
      let found = 0;
      for (const v of value(x)) found = Math.max(found, Math.abs(v) < LARGEST ? Math.abs(v) : LARGEST);
      value(into)[index] = found;
    },
  });
}

/** into[index] ← Σ a b over all elements; a and b of one size. The rest of `into` does not change. */
export function innerProduct(g: Graph, a: Tensor, b: Tensor, into: Tensor, index: number): void {
  const size = sizeOf(a.shape);
  if (size !== sizeOf(b.shape)) throw new Error(`inner product of ${a.name} and ${b.name}: sizes differ`);
  const groups = Math.max(1, Math.min(MAX_GROUPS, Math.ceil(size / ELEMENTS_PER_GROUP)));
  const call = (isPart: boolean, tensors: Tensor[]): TensorCall => ({
    kernel: {
      name: `inner-product/${isPart ? 'parts' : 'total'}`,
      wgsl: () =>
        workgroupTree({ name: 'sumOfAll', type: 'f32', threads: 64 }) +
        fillTemplate(innerProductTemplate, { PARTS: isPart }),
      wasm: { entry: isPart ? 'innerProductParts' : 'innerProductTotal' },
    },
    params: [size, groups, index].map(u32),
    tensors,
    workgroups: flatWorkgroups(isPart ? groups : 1, 1),
    units: isPart ? groups : 1,
    cost: isPart ? size * 8 : groups,
  });
  g.record({
    name: 'inner product',
    inputs: [a, b],
    outputs: [into],
    scratch: () => [groups], // the sum of each part
    effect: true,
    calls: (_, scratch) => [call(true, [a, b, ...present(scratch)]), call(false, [...present(scratch), into])],
    reference: (value) => {
      let sum = 0;
      for (let i = 0; i < size; i++) sum += value(a)[i] * value(b)[i];
      value(into)[index] = sum;
    },
  });
}

/**
 * ‖SᵀS − I‖max of every matrix of a stack: how far its columns are from orthonormal. Columns of zeros, which pad
 * narrower matrices, do not count.
 *
 * @param S [n, dimension, k].
 * @param into [≥ n].
 */
export function orthonormality(g: Graph, S: Tensor, into: Tensor): void {
  const gram = batchedMatmul(g, S, S, { layout: 'tn' }); // [n, k, k]
  const [count, k] = gram.shape;
  g.record({
    name: 'orthonormality',
    inputs: [gram],
    outputs: [into],
    effect: true,
    calls: () => [
      {
        kernel: {
          name: 'orthonormality',
          wgsl: () =>
            workgroupTree({ name: 'largestOf', type: 'f32', threads: 64, combine: 'max(a, b)' }) + orthonormalityText,
          wasm: { entry: 'orthonormality' },
        },
        params: [u32(count), u32(k)],
        tensors: [gram, into],
        workgroups: flatWorkgroups(count, 1),
        units: count,
        cost: count * k * k * 75,
      },
    ],
    reference: (value) => {
      for (let n = 0; n < count; n++) {
        const one = value(gram).subarray(n * k * k, (n + 1) * k * k);
        const errors = Array.from(one, (x, at) => {
          const error = Math.abs(x - (at % (k + 1) === 0 && x !== 0 ? 1 : 0));
          return error < LARGEST ? error : LARGEST;
        });
        value(into)[n] = Math.max(...errors);
      }
    },
  });
}
