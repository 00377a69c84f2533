import { afterAll, beforeAll, expect, test } from 'vitest';
import { plainProduct } from '../device/matmul-shape.ts';
import { shapeClass } from '../device/webgpu/kernels/matmul-variants.ts';
import type { WebGpuDevice } from '../device/webgpu/webgpu-device.ts';
import { F32 } from './compare.ts';
import { acquireTestGpu } from './devices.ts';
import { GraphUnderTest, operandsOf } from './graphs.ts';
import { matmul } from '../graph/ops/matmul.ts';

// A software adapter takes ten seconds to compile a kernel for the first time.
let device: WebGpuDevice;
beforeAll(async () => {
  device = await acquireTestGpu();
});
afterAll(() => device.destroy());

test.each(['nt', 'nn', 'tn'] as const)('%s by register-16, of an f32 and of a packed matrix', async (layout) => {
  const [M, N, K] = [260, 68, 36];
  const product = plainProduct(layout, M, N, K);
  const [a, b] = operandsOf(layout, M, N, K);
  const packedB = { packing: 'int8', elements: N * K } as const;
  for (const shape of [product, { ...product, packedB }])
    device.gpu.tuning.choose(shapeClass(shape) ?? '', 'register-16');
  expect(device.gpu.tuning.variantOf({ ...product, packedB })).toBe('register-16');
  const inputs = { a: { shape: a }, b: { shape: b }, frozen: { shape: b, packing: 'int8' as const } };
  await new GraphUnderTest(inputs, (g, input) => ({
    y: matmul(g, input('a'), input('b'), { layout }),
    packed: matmul(g, input('a'), input('frozen'), { layout }),
  })).checkDevice(device, F32);
});
