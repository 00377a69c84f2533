import type { RecordedCall, Work } from '../work.ts';
import { attention, delta, merging } from './attention.ts';
import { append, elements, embedding, reduction } from './elementwise.ts';
import type { Family } from './family.ts';
import { products } from './products.ts';
import { distillation, next, norm, normWeight, scores, spaces, sums } from './rows.ts';
import { squareMeasures, sweep } from './squares.ts';
import { subspace } from './subspace.ts';

const FAMILIES: readonly Family[] = [
  ...products,
  ...[attention, delta, merging, norm, normWeight, scores, subspace],
  ...[reduction, append, embedding, elements, next, sums, spaces, distillation, squareMeasures, sweep],
];

/** A call as the model sees it. */
export interface Described {
  /** The row of the tables that it belongs to. */
  readonly row: string;
  readonly work: Work;
}

/** What a call does. @throws Error when no family describes its kernel. */
export function describe(call: RecordedCall): Described {
  for (const { kernels, row, work } of FAMILIES) {
    const name = kernels.exec(call.kernel);
    if (name) return { row: typeof row === 'string' ? row : row(call), work: work(call, name) };
  }
  throw new Error(`the cost model has no description of ${call.kernel}: add one to bench/gpu-model/families`);
}
