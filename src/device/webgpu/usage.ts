/** WebGPU's numbers for what a buffer is used for (GPUBufferUsage), so that memory can be planned where there is no WebGPU. */
export const USAGE = {
  mapRead: 1,
  copySource: 4,
  copyTarget: 8,
  uniform: 64,
  storage: 128,
  queryResolve: 512,
} as const;
