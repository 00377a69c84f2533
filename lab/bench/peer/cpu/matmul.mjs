export { matmul } from './dist/matmul.js';
/** The harness multiplies by WGSL only. */
export const variants = [];
