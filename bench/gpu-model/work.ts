import { LANES, type Level } from './cards.ts';

/** A dispatch as it was recorded: all that the model reads of it. */
export interface RecordedCall {
  readonly kernel: string;
  /** Threads of a workgroup in x, y and z. */
  readonly size: readonly [number, number, number];
  readonly workgroups: readonly [number, number, number];
  /** The kernel's parameters after the grid. */
  readonly params: readonly number[];
  /** Bytes of the tensors, from binding 1 on. */
  readonly tensors: readonly number[];
}

/** One read or write in a loop, by a whole warp. */
export interface Access {
  /** Number of such instructions in one iteration. */
  readonly count: number;
  /** Bytes that a lane moves. */
  readonly width: 2 | 4 | 8 | 16;
  /** Byte at which a lane begins, from the first of the warp. */
  readonly at: (lane: number) => number;
  /** In workgroup memory instead of storage. */
  readonly shared?: boolean;
}

/** A loop that all warps run through, or straight code that runs once. */
export interface Loop {
  /** Iterations of the thread that has most. */
  readonly times: number;
  /** Instructions of a warp in one iteration. */
  readonly slots: number;
  readonly accesses?: readonly Access[];
  /** Dependent reads of one iteration by where they are answered: what a warp waits for. May be fractions. */
  readonly waits?: Readonly<Partial<Record<Level, number>>>;
  /** Share of a workgroup's warps that run it; 1 by default. */
  readonly share?: number;
}

/** What a dispatch has to do, and how its kernel goes about it. */
export interface Work {
  /** Floating point operations that the result needs. */
  readonly operations: number;
  /** Bytes that the result needs to be read or written, each once. */
  readonly bytes: number;
  /** Bytes that this kernel moves besides, such as sums of parts; 0 by default. */
  readonly extraBytes?: number;
  readonly loops: readonly Loop[];
  /** Registers of a lane; 32 by default. */
  readonly registers?: number;
}

/** Adjacent lanes access adjacent places. */
export const adjacent = (count: number, width: Access['width'] = 4): Access => ({
  count,
  width,
  at: (lane) => lane * width,
});

/** All lanes access one place. */
export const uniform = (count: number, width: Access['width'] = 4): Access => ({ count, width, at: () => 0 });

/** Adjacent lanes access places so many bytes apart. */
export const apart = (count: number, bytes: number, width: Access['width'] = 4): Access => ({
  count,
  width,
  at: (lane) => lane * bytes,
});

/** The same access in workgroup memory. */
export const shared = (access: Access): Access => ({ ...access, shared: true });

export const threadsOf = ({ size }: RecordedCall): number => product(size);
export const groupsOf = ({ workgroups }: RecordedCall): number => product(workgroups);
export const warpsOf = (call: RecordedCall): number => groupsOf(call) * Math.ceil(threadsOf(call) / LANES);
export const bytesOf = ({ tensors }: RecordedCall): number => tensors.reduce((sum, bytes) => sum + bytes, 0);

const product = (sides: readonly number[]): number => sides.reduce((all, side) => all * side, 1);
