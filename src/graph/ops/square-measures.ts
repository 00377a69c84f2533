import template from '../../../shaders/square-measures.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { workgroupTree } from '../../device/tree.ts';
import { type Graph, type KernelCall, present } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

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
  } satisfies KernelCall;
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
