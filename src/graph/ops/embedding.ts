import template from '../../../shaders/embedding.wgsl?raw';
import { flatWorkgroups, u32 } from '../../gpu/kernel.ts';
import { fillTemplate } from '../../gpu/template.ts';
import type { Graph, KernelCall } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

/** Rows of a table: ids u32 [B, S], table [vocabulary, columns] → [B, S, columns]. */
export function embedding(g: Graph, table: Tensor, ids: Tensor): Tensor {
  const [vocabulary, columns] = table.shape;
  const rows = sizeOf(ids.shape);
  const y = g.intermediate('embedding', [...ids.shape, columns]);
  const call = (gradient: boolean, source: Tensor, out: Tensor): KernelCall => ({
    kernel: { name: `embedding${gradient ? '/gradient' : ''}`, wgsl: fillTemplate(template, { GRADIENT: gradient }) },
    params: [rows, columns, vocabulary].map(u32),
    tensors: [source, ids, out],
    workgroups: flatWorkgroups(sizeOf(out.shape), 64),
  });
  return g.record({
    name: 'embedding',
    inputs: [table, ids],
    outputs: [y],
    calls: () => [call(false, table, y)],
    twin: (value) => {
      for (let i = 0; i < rows * columns; i++) {
        value(y)[i] = value(table)[value(ids)[Math.floor(i / columns)] * columns + (i % columns)];
      }
    },
    gradient: ([dy]) => {
      if (dy === undefined) return [];
      const dtable = g.intermediate(`d ${table.name}`, table.shape);
      g.record({
        name: 'embedding gradient',
        inputs: [dy, ids],
        outputs: [dtable],
        calls: () => [call(true, dy, dtable)],
        twin: (value) => {
          value(dtable).fill(0);
          for (let i = 0; i < rows * columns; i++) {
            value(dtable)[value(ids)[Math.floor(i / columns)] * columns + (i % columns)] += value(dy)[i];
          }
        },
      });
      return [dtable];
    },
  });
}
