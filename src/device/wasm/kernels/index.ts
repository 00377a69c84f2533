// Every entry of the WebAssembly kernels. An entry computes the units [from, to) of a call; see `simd.ts` for its words.
export { scratchBytes, setScratch } from './scratch';
