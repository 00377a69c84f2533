/** WebGPU's numbers for what a buffer is used for (GPUBufferUsage), so that memory can be planned where there is no WebGPU. */
export const BUFFER_USAGE = {
  MAP_READ: 1,
  COPY_SRC: 4,
  COPY_DST: 8,
  UNIFORM: 64,
  STORAGE: 128,
  QUERY_RESOLVE: 512,
} as const;
