/** Tests of everything that a graphics device computes. */
export const KERNEL_TESTS = [
  'src/graph',
  'src/device/webgpu',
  'src/device/device.test.ts',
  'src/device/buffers.test.ts',
];
