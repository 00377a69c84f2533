import template from '../../../shaders/cross-entropy.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import { threadsOfRow, workgroupTree } from '../../device/tree.ts';
import type { KernelCall } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

type Form = 'ROWS' | 'TOTAL' | 'GRADIENT' | 'ARGMAX' | 'CHOICES';

/** The kernels in WebAssembly. */
const ENTRIES: Readonly<Record<Form, string>> = {
  ROWS: 'crossEntropyRows',
  TOTAL: 'crossEntropyTotal',
  GRADIENT: 'crossEntropyGradient',
  ARGMAX: 'argMax',
  CHOICES: 'choiceLosses',
};
// Operations per element of a row in WebAssembly.
const COST = 20;

/** Rows of scores [rows, vocabulary], `row` elements apart; the first has index `first` in tensors of all rows. */
export interface Scores {
  readonly rows: number;
  readonly vocabulary: number;
  readonly row: number;
  readonly first?: number;
}

/** The call of a kernel over scores. @param sharesRows whether the threads of a workgroup share a row. */
export function scoresCall(
  form: Form,
  scores: Scores,
  tensors: Tensor[],
  sharesRows = false,
  choices: readonly number[] = [],
): KernelCall {
  const { rows, vocabulary, row, first = 0 } = scores;
  const isPerRow = form === 'ROWS' || form === 'ARGMAX' || form === 'CHOICES';
  const threads = isPerRow ? threadsOfRow(vocabulary, sharesRows) : 64;
  const items = form === 'TOTAL' ? 1 : form === 'GRADIENT' ? rows * vocabulary : rows;
  const together = isPerRow ? { type: 'vec3f', combine: 'together(a, b)' } : { type: 'f32' };
  return {
    kernel: {
      name: `cross-entropy/${form.toLowerCase()}-${threads}`,
      wgsl: () =>
        (form === 'GRADIENT' ? '' : workgroupTree({ name: 'combined', threads, ...together })) +
        fillTemplate(template, {
          ...{ THREADS: threads, READS: threads > 64 ? 4 : 1, PER_ROW: isPerRow },
          ...{ ROWS: form === 'ROWS', TOTAL: form === 'TOTAL', GRADIENT: form === 'GRADIENT' },
          ...{ ARGMAX: form === 'ARGMAX', CHOICES: form === 'CHOICES', SUMS: form === 'ROWS' || form === 'CHOICES' },
        }),
      wasm: { entry: ENTRIES[form] },
    },
    params: [rows, vocabulary, row, first, ...choices].map(u32),
    tensors,
    workgroups: flatWorkgroups(items, form === 'GRADIENT' ? 64 : 1),
    units: form === 'TOTAL' ? 1 : rows,
    cost: COST * rows * vocabulary,
  };
}
