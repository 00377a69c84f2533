import template from '../../../shaders/last-tokens.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph, KernelCall } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

/** The last `count` tokens of every row: x [B, S, columns] → [B, count, columns]. */
export function lastTokens(g: Graph, x: Tensor, count: number): Tensor {
  const [B, S, columns] = x.shape;
  if (count === S) return x;
  const y = g.intermediate(`last of ${x.name}`, [B, count, columns]);
  const call = (gradient: boolean, source: Tensor, out: Tensor): KernelCall => ({
    kernel: {
      name: `last-tokens${gradient ? '/gradient' : ''}`,
      wgsl: () => fillTemplate(template, { GRADIENT: gradient }),
      wasm: { entry: gradient ? 'lastTokensGradient' : 'lastTokens' },
    },
    params: [sizeOf(out.shape), S, count, columns].map(u32),
    tensors: [source, out],
    workgroups: flatWorkgroups(sizeOf(out.shape), 64),
    units: B,
    cost: sizeOf(out.shape) * 4,
  });
  /** Index in x of element i of y. */
  const place = (i: number): number => {
    const token = Math.floor(i / columns);
    return (Math.floor(token / count) * S + S - count + (token % count)) * columns + (i % columns);
  };
  return g.record({
    name: 'last tokens',
    inputs: [x],
    outputs: [y],
    calls: () => [call(false, x, y)],
    reference: (value) => value(y).forEach((_, i) => (value(y)[i] = value(x)[place(i)])),
    gradient: ([dy]) => {
      if (dy === undefined) return [];
      const dx = g.intermediate(`d ${x.name}`, x.shape);
      g.record({
        name: 'last tokens gradient',
        inputs: [dy],
        outputs: [dx],
        calls: () => [call(true, dy, dx)],
        reference: (value) => {
          value(dx).fill(0);
          value(dy).forEach((v, i) => (value(dx)[place(i)] = v));
        },
      });
      return [dx];
    },
  });
}
