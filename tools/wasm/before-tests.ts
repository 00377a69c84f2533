import { buildWasm } from './build.ts';

/** Vitest calls this once, before all tests: some run the WebAssembly kernels. */
export async function setup(): Promise<void> {
  await buildWasm();
}
