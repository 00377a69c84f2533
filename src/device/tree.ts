import template from '../../shaders/tree.wgsl?raw';
import type { Planner } from './kernel-planner.ts';
import { fillTemplate } from './template.ts';

// Threads of the second level: with 32 to 256 threads in all, both levels are short.
const BRANCHES = 8;

/**
 * Threads of the workgroup that reduces so many values.
 *
 * @param sharesRows as of {@link Planner}.
 */
export const threadsOfRow = (values: number, sharesRows: Planner['sharesRows']): number =>
  sharesRows && values >= 4096 ? 256 : 64;

/** A value that a workgroup combines. */
interface Tree {
  /** The WGSL function: `name(value: type, local: u32) -> type`, called by every thread of the workgroup. */
  readonly name: string;
  readonly type: string;
  /** Threads of the workgroup: a multiple of 8. */
  readonly threads: number;
  /** Combines `a` and `b`, associatively; their sum by default. */
  readonly combine?: string | undefined;
}

/** The WGSL of a function that combines a value of every thread (`shaders/tree.wgsl`), to be put before a kernel. */
export const workgroupTree = ({ name, type, threads, combine = 'a + b' }: Tree): string =>
  fillTemplate(template, { NAME: name, TYPE: type, THREADS: threads, COMBINE: combine, BRANCHES });
