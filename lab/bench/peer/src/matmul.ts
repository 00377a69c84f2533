import type { Param, Workgroups } from '../../../../src/device/kernel.ts';
import { plainProduct } from '../../../../src/device/matmul-shape.ts';
import { SOFTWARE } from '../../../../src/device/webgpu/kernels/product-shader.ts';
import {
  MATMUL_VARIANTS,
  planVariant,
  ROUNDING_VARIANTS,
} from '../../../../src/device/webgpu/kernels/matmul-variants.ts';
import { wgslOf } from '../../../../src/device/webgpu/pipelines.ts';

/** The kernel as the harness binds it: A, B and C from binding 0, uniforms as constants. */
function withoutUniform(wgsl: string, [width]: Workgroups, params: readonly Param[]): string {
  const grid = `Grid(vec3u(), ${width}u)`;
  const values = [grid, ...params.map((param) => ('u32' in param ? `${param.u32}u` : `f32(${param.f32})`))];
  return wgsl
    .replace('@group(0) @binding(0) var<uniform> p: Params;', `const p = Params(${values.join(', ')});`)
    .replace(/@binding\((\d)\)/g, (_, binding: string) => `@binding(${Number(binding) - 1})`);
}

const ONE: Workgroups = [1, 1, 1];

/** The kernels that the peers are compared with: in f32 and one dispatch, for any number of rows. */
const F32_VARIANTS = MATMUL_VARIANTS.filter((variant) => !ROUNDING_VARIANTS.has(variant) && variant !== 'few-rows');

/** The project's matrix products with the interface of the peers' harness. */
export const variants = F32_VARIANTS.map((variant) => {
  const plan = (M: number, K: number, N: number) => planVariant(plainProduct('nn', M, N, K), variant, SOFTWARE);
  return {
    name: `gorp-web ${variant}`,
    code: (M: number, K: number, N: number): string => {
      const { kernel, params, workgroups } = plan(M, K, N);
      return withoutUniform(wgslOf(kernel), workgroups ?? ONE, params);
    },
    grid: (M: number, K: number, N: number): readonly number[] => plan(M, K, N).workgroups ?? ONE,
  };
});
