import type { Effort, Report } from '../bench.ts';
import type { SectionName } from '../sections/index.ts';

/** What the page tells its worker: one task, and the CPU time that it was asked for. */
export type Question =
  | { readonly type: 'adapter' }
  | { readonly type: 'run'; readonly section: SectionName; readonly effort: Effort }
  | { readonly type: 'cpu-ms'; readonly ms: number | null };

/** What the worker tells the page. */
export type Answer =
  | { readonly type: 'cpu-ms?' }
  | { readonly type: 'done'; readonly result: string | Report }
  | { readonly type: 'failed'; readonly error: string };
