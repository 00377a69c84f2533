import template from '../../shaders/reduce-splits.wgsl?raw';
import type { BufferRange, OwnedBuffer } from './buffers.ts';
import { fillTemplate } from './template.ts';

/** A compute kernel as data, in each device's form. Shapes are parameters, not part of the code. */
export interface Kernel {
  /** Family and variant, such as `matmul/nt-8x8`. */
  readonly name: string;
  /**
   * WGSL with entry point `main` and `struct Params`: `grid`, then {@link KernelPlan.params}. The device appends
   * `shaders/grid.wgsl`, which declares them as `p`. Tensors are in group 0, from binding 1. Generated when a WebGPU
   * device needs it.
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

/** Parameters as kernels read them: 32-bit words. */
export function wordsOf(params: readonly Param[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(params.length);
  const floats = new Float32Array(words.buffer);
  for (const [i, param] of params.entries()) {
    if ('u32' in param) words[i] = param.u32;
    else floats[i] = param.f32;
  }
  return words;
}

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

/**
 * Consecutive elements in one unit of an elementwise WebAssembly kernel: a multiple of 16, so that every unit but the
 * last consists of whole vectors.
 */
export const ELEMENTS_PER_UNIT = 1024;

/** Number of units of an elementwise kernel. */
export const elementUnits = (elements: number): number => Math.ceil(elements / ELEMENTS_PER_UNIT);

/** Sums of parts, named as in `shaders/reduce-splits.wgsl`. */
interface ReductionShape {
  /** Number of parts to add up. */
  readonly splits: number;
  readonly batch: number;
  /** Rows and columns of each result. */
  readonly M: number;
  readonly N: number;
  readonly batchC: number;
  readonly batchD: number;
  readonly rowC: number;
  readonly offsetC: number;
  readonly addend: boolean;
  readonly accumulate: boolean;
}

/** The kernel that adds up parts of sums. Bindings: parts [batch · splits, M, N], C, then D. */
export function planReduction(shape: ReductionShape): KernelPlan {
  const { splits, batch, M, N, batchC, batchD, rowC, offsetC, addend, accumulate } = shape;
  return {
    kernel: {
      name: 'matmul/reduce-splits',
      wgsl: () => fillTemplate(template, { ADDEND: addend, ACCUMULATE: accumulate }),
    },
    params: [M * N, splits, batch, batchC, batchD, N, rowC, offsetC].map(u32),
    workgroups: flatWorkgroups(batch * M * N, 64),
  };
}

/** C [size] = Σ_s parts [splits, size]. */
export function planSumOfParts(splits: number, size: number): KernelPlan {
  const { kernel, ...plan } = planReduction({
    splits,
    batch: 1,
    M: 1,
    N: size,
    addend: false,
    accumulate: false,
    batchC: 0,
    batchD: 0,
    rowC: size,
    offsetC: 0,
  });
  const wasm = { entry: 'sumOfParts', constants: [ELEMENTS_PER_UNIT] };
  return { ...plan, kernel: { ...kernel, wasm }, units: elementUnits(size), cost: splits * size * 8 };
}
