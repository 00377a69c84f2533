import template from '../../../shaders/scale-blocks.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { workgroupTree } from '../../device/tree.ts';
import type { Graph, TensorCall } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

/**
 * Blocks of columns, each times a number of its example: y[b, t, c] = x[b, t, c] factors[c / width, b].
 *
 * @param x [B · T rows, n · width]. @param factors [n, B, 1].
 */
export function scaleBlocks(g: Graph, x: Tensor, factors: Tensor): Tensor {
  const columns = x.shape.at(-1) ?? 1;
  const [n, B] = factors.shape;
  const T = sizeOf(x.shape) / columns / B;
  const width = columns / n;
  if (!Number.isInteger(T) || !Number.isInteger(width)) {
    throw new Error(`${sizeOf(factors.shape)} factors do not fit [${x.shape.join(', ')}]`);
  }
  const call = (isGradient: boolean, tensors: Tensor[]): TensorCall => ({
    kernel: {
      name: `scale-blocks${isGradient ? '/gradient' : ''}`,
      wgsl: () =>
        (isGradient ? workgroupTree({ name: 'sumOfBlock', type: 'f32', threads: 64 }) : '') +
        fillTemplate(template, { GRADIENT: isGradient }),
      wasm: { entry: isGradient ? 'scaleBlocksGradient' : 'scaleBlocks' },
    },
    params: [sizeOf(x.shape), B, T, columns, width].map(u32),
    tensors,
    workgroups: isGradient ? flatWorkgroups(n * B, 1) : flatWorkgroups(sizeOf(x.shape), 64),
    units: isGradient ? n * B : B * T,
    cost: sizeOf(x.shape) * 8,
  });
  /** Index of the factor of element i. */
  const factorOf = (i: number): number => Math.floor((i % columns) / width) * B + Math.floor(i / (T * columns));
  const y = g.intermediate(`scaled ${x.name}`, x.shape);
  return g.record({
    name: 'scale blocks',
    inputs: [x, factors],
    outputs: [y],
    calls: () => [call(false, [x, factors, y])],
    reference: (value) => value(x).forEach((v, i) => (value(y)[i] = v * value(factors)[factorOf(i)])),
    gradient: ([dy], [wantsX, wantsFactors]) => {
      if (dy === undefined) return [];
      return [wantsX ? scaleBlocks(g, dy, factors) : undefined, wantsFactors ? gradientOfFactors(dy) : undefined];
    },
  });

  function gradientOfFactors(dy: Tensor): Tensor {
    const d = g.intermediate(`d ${factors.name}`, factors.shape);
    return g.record({
      name: 'scale blocks gradient',
      inputs: [x, dy],
      outputs: [d],
      calls: () => [call(true, [x, dy, d])],
      reference: (value) => {
        value(d).fill(0);
        value(x).forEach((v, i) => (value(d)[factorOf(i)] += v * value(dy)[i]));
      },
    });
  }
}
