import type { BufferRange, OwnedBuffer } from './buffers.ts';

/** A compute kernel as data, in each device's form. Shapes are parameters, not part of the code. */
export interface Kernel {
  /** Family and variant, such as `matmul/nt-8x8`. */
  readonly name: string;
  /**
   * WGSL with entry point `main`, to which the device appends `shaders/grid.wgsl`. Group 0: binding 0 is the uniform
   * `p`, with `grid`, then {@link KernelPlan.params}; tensors follow from binding 1. Generated when a WebGPU device
   * needs it.
   */
  readonly wgsl?: () => string;
  /** The function of `src/device/wasm/kernels` that computes the same. */
  readonly wasm?: {
    readonly entry: string;
    /** The values filled into the WGSL, as 32-bit words after the parameters. */
    readonly constants?: readonly number[];
  };
}

/** A scalar of a kernel's parameters. */
export type Param = { readonly u32: number } | { readonly f32: number };
export const u32 = (value: number): Param => ({ u32: value });
export const f32 = (value: number): Param => ({ f32: value });

/** Number of workgroups in x, y and z. They are independent: some may run long after others. */
export type Workgroups = readonly [number, number, number];

/** A kernel and how to call it, without the tensors. */
export interface KernelPlan {
  readonly kernel: Kernel;
  readonly params: readonly Param[];
  /** On WebGPU; one by default. */
  readonly workgroups?: Workgroups;
  /** On WebAssembly: independent pieces that threads may share in any way; one by default. */
  readonly units?: number;
  /**
   * Approximate operations of the kernel. Decides whether threads pay off and, until the kernel has been timed, how
   * much goes to a graphics card at once. Also used to estimate the time of a run.
   */
  readonly cost?: number;
}

/** A kernel with the tensors it reads and writes, in binding order from binding 1. */
export interface KernelCall<T> extends KernelPlan {
  readonly tensors: readonly T[];
}

/** One kernel with everything it needs to run. */
export type Dispatch = KernelCall<BufferRange>;

/** The buffers that dispatches read and write, each once. */
export const buffersOf = (dispatches: readonly Dispatch[]): OwnedBuffer[] => [
  ...new Set(dispatches.flatMap(({ tensors }) => tensors.map(({ buffer }) => buffer))),
];

/** WebGPU's guaranteed limit of workgroups in one dimension. */
const MAX_WORKGROUPS = 65_535;

/**
 * Workgroups for `threads` independent threads in workgroups of `size`. Kernels recover the flat index as
 * `groupIndex(w) * size + local`, so more than 65,535 workgroups spread over two dimensions.
 */
export function flatWorkgroups(threads: number, size: number): Workgroups {
  const groups = Math.max(1, Math.ceil(threads / size));
  const rows = Math.ceil(groups / MAX_WORKGROUPS);
  return [Math.ceil(groups / rows), rows, 1];
}
