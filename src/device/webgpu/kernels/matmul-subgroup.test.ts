import { afterAll, beforeAll, expect, test } from 'vitest';
import { acquireTestGpu, testsKernel } from '../../../testing/devices.ts';
import { type MatmulLayout, plainProduct } from '../../matmul-shape.ts';
import type { Gpu } from '../gpu.ts';
import { wgslOf } from '../pipelines.ts';
import { type MatmulVariant, planVariant } from './matmul-variants.ts';

let gpu: Gpu;
beforeAll(async () => {
  ({ gpu } = await acquireTestGpu());
});
afterAll(() => gpu.destroy());

const VARIANTS: readonly MatmulVariant[] = ['subgroup-wide', 'subgroup-tall'];

// The adapter of the tests has one size of subgroups, but others unroll their loads differently.
test.each([4, 8, 16, 32].flatMap((lanes) => (['nt', 'nn', 'tn'] as const).map((layout) => [layout, lanes] as const)))(
  'the WGSL of %s for subgroups of %i lanes is valid',
  async (layout: MatmulLayout, lanes) => {
    for (const variant of VARIANTS.filter(testsKernel)) {
      for (const shape of [plainProduct(layout, 64, 64, 64), plainProduct(layout, 63, 61, 67)]) {
        const { kernel } = planVariant(shape, variant, { isSoftware: true, lanes });
        gpu.device.pushErrorScope('validation');
        gpu.device.createShaderModule({ label: kernel.name, code: wgslOf(kernel) });
        expect((await gpu.device.popErrorScope())?.message ?? '', kernel.name).toBe('');
      }
    }
  },
);
