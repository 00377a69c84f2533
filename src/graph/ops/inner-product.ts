import template from '../../../shaders/inner-product.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { workgroupTree } from '../../device/tree.ts';
import { type Graph, type KernelCall, present } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

/** Approximate number of elements per workgroup, and the most workgroups: enough to fill a device. */
const ELEMENTS_PER_GROUP = 4096;
const MAX_GROUPS = 256;

/** into[index] ← Σ a b over all elements; a and b of one size. The rest of `into` does not change. */
export function innerProduct(g: Graph, a: Tensor, b: Tensor, into: Tensor, index: number): void {
  const size = sizeOf(a.shape);
  if (size !== sizeOf(b.shape)) throw new Error(`inner product of ${a.name} and ${b.name}: sizes differ`);
  const groups = Math.max(1, Math.min(MAX_GROUPS, Math.ceil(size / ELEMENTS_PER_GROUP)));
  const call = (isPart: boolean, tensors: Tensor[]): KernelCall => ({
    kernel: {
      name: `inner-product/${isPart ? 'parts' : 'total'}`,
      wgsl: () =>
        workgroupTree({ name: 'sumOfAll', type: 'f32', threads: 64 }) + fillTemplate(template, { PARTS: isPart }),
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
