import type { Report } from '../../../src/bench/bench.ts';
import type { Effort } from '../bench.ts';
import type { SectionName } from '../sections/index.ts';

/** Messages from the page to its worker: one piece of work, and the CPU time that the worker asked for. */
export type Question =
  | { readonly type: 'adapter' }
  | { readonly type: 'run'; readonly section: SectionName; readonly effort: Effort }
  | { readonly type: 'cpu-ms'; readonly ms: number | null };

/** Messages from the worker to the page. */
export type Answer =
  | { readonly type: 'cpu-ms?' }
  | { readonly type: 'done'; readonly result: string | Report }
  | { readonly type: 'failed'; readonly error: string };
