/** WebGPU's buffer usage flags (GPUBufferUsage), so that memory can be planned without WebGPU. */
export const BUFFER_USAGE = {
  MAP_READ: 1,
  COPY_SRC: 4,
  COPY_DST: 8,
  UNIFORM: 64,
  STORAGE: 128,
  QUERY_RESOLVE: 512,
} as const;
