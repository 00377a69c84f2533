import type { Param } from '../../../src/gpu/kernel.ts';
import { plainProduct } from '../../../src/gpu/kernels/matmul.ts';
import { MATMUL_VARIANTS, planVariant } from '../../../src/gpu/kernels/matmul-variants.ts';

/** The kernel as the harness binds it: A, B and C from binding 0; what the project passes as a uniform is constant. */
function withoutUniform(wgsl: string, params: readonly Param[]): string {
  const values = params.map((param) => ('u32' in param ? `${param.u32}u` : `f32(${param.f32})`));
  return wgsl
    .replace(/@group\(0\) @binding\(0\) var<uniform> p: Params;/, `const p = Params(${values.join(', ')});`)
    .replace(/@binding\((\d)\)/g, (_, binding: string) => `@binding(${Number(binding) - 1})`);
}

/** Threads of a subgroup on the two software adapters: llvmpipe and SwiftShader. Where it is another, results are wrong. */
const LANES = [8, 4];

/** The kernels that compute as the peers do, in f32 and in one dispatch. */
const F32_VARIANTS = MATMUL_VARIANTS.filter((variant) => variant !== 'block-half' && !variant.startsWith('padded'));

/** The project's matrix products in the form of the peers' harness. */
export const variants = F32_VARIANTS.flatMap((variant) => {
  const isSubgroup = variant.startsWith('subgroup');
  return (isSubgroup ? LANES : [undefined]).map((lanes) => ({
    name: `gorp-web ${variant}${lanes === undefined ? '' : ` of ${lanes}`}`,
    ...(isSubgroup && { needs: ['subgroups'] }),
    code: (M: number, K: number, N: number): string => {
      const { kernel, params } = planVariant(plainProduct('nn', M, N, K), variant, lanes);
      return withoutUniform(kernel.wgsl, params);
    },
    grid: (M: number, K: number, N: number): readonly number[] =>
      planVariant(plainProduct('nn', M, N, K), variant, lanes).workgroups,
  }));
});
