import { GorpError } from '../../base/errors.ts';

/** The builds of the kernels: with or without fused multiply-add (relaxed SIMD), for one thread or for several. */
export type WasmBuild = 'plain' | 'relaxed' | 'plain-shared' | 'relaxed-shared';

// One-function modules that an engine accepts only if it supports the instructions.
const USES_SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];
const USES_RELAXED_SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];

/** The abilities of a WebAssembly engine. */
export interface WasmAbilities {
  readonly relaxed: boolean;
  /** Memory shared by threads; in a page only with cross-origin isolation. */
  readonly shared: boolean;
}

/** @throws GorpError `device/no-simd` when the engine lacks WebAssembly or its SIMD instructions. */
export function wasmAbilities(): WasmAbilities {
  const accepts = (module: readonly number[]): boolean => WebAssembly.validate(Uint8Array.from(module));
  if (typeof WebAssembly !== 'object' || !accepts(USES_SIMD)) {
    throw new GorpError(
      'device/no-simd',
      'This browser cannot train on the CPU: it lacks WebAssembly SIMD.',
      'Use a current version of Chrome, Edge, Firefox or Safari.',
    );
  }
  return { relaxed: accepts(USES_RELAXED_SIMD), shared: typeof SharedArrayBuffer === 'function' };
}
