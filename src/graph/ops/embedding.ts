import template from '../../../shaders/embedding.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { PACKINGS, packedReader, valueWords } from '../../device/packing.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph, TensorCall } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

/**
 * Rows of a table: ids u32 [...], table [..., columns] → [..., columns], of the shape of the ids. It looks tokens up in a
 * vocabulary, and takes some of the tokens of a batch. A frozen table may be packed and split into parts.
 */
export function embedding(g: Graph, table: Tensor, ids: Tensor): Tensor {
  const columns = table.shape.at(-1) ?? 1;
  const rows = sizeOf(ids.shape);
  const y = g.intermediate('embedding', [...ids.shape, columns]);
  const call = (form: 'lookup' | 'gradient', source: Tensor, out: Tensor, first = 0): TensorCall => {
    const { packing, elements } = source;
    const vocabulary = sizeOf((form === 'lookup' ? source : table).shape) / columns;
    const width = packing === undefined && columns % 4 === 0 ? 4 : 1;
    const values = { GRADIENT: form === 'gradient', PACKED: packing !== undefined, T: width === 4 ? 'vec4f' : 'f32' };
    const units = form === 'lookup' ? rows : vocabulary;
    return {
      kernel: {
        name: `embedding/${form}${packing ? `-${packing}` : width === 4 ? '' : '-scalar'}`,
        wgsl: () => (packing ? packedReader(packing, 1) : '') + fillTemplate(template, values),
        wasm: {
          entry: form === 'lookup' ? 'embedding' : 'embeddingGradient',
          constants: [packing === undefined ? 0 : 1 + PACKINGS.indexOf(packing), width],
        },
      },
      params: [rows, columns / width, vocabulary, first, packing ? valueWords(packing, elements) : 0].map(u32),
      tensors: [source, ids, out],
      workgroups: flatWorkgroups(sizeOf(out.shape) / width, 64),
      units,
      cost: units * columns * (packing === 'f16' ? 30 : 8),
    };
  };
  const lookUp = (): TensorCall[] => {
    let first = 0;
    return (table.parts ?? [table]).map((part) => {
      const one = call('lookup', part, y, first);
      first += part.shape[0];
      return one;
    });
  };
  return g.record({
    name: 'embedding',
    inputs: [table, ids],
    outputs: [y],
    calls: lookUp,
    reference: (value) => {
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
        calls: () => [call('gradient', dy, dtable)],
        reference: (value) => {
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
