export { matmul } from '../dist/matmul-cpu.js';
/** The harness multiplies by WGSL only. */
export const variants = [];
