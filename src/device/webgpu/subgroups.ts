import { infoOf } from './adapter-info.ts';

/** The feature of subgroup matrices, as browsers offer it behind a flag until it is a standard's. */
export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

/** What subgroup matrices of operands are made of. */
export type MatrixComponent = 'f32' | 'f16';

/** A product that the device computes as one operation of a subgroup: M × K times K × N. */
export interface MatrixSizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What is known of a device's subgroups, where they are all of one size. */
export interface Subgroups {
  /** Threads of each. */
  readonly lanes: number;
  /** Their matrices whose products are summed as f32, by what the operands are made of; those that the driver likes come first. */
  readonly matrices: Readonly<Record<MatrixComponent, readonly MatrixSizes[]>>;
}

/** Of a device that has no subgroup matrices. */
export const NO_MATRICES: Subgroups['matrices'] = { f32: [], f16: [] };

/** A configuration of `GPUAdapterInfo.subgroupMatrixConfigs`. */
interface MatrixConfig extends MatrixSizes {
  readonly componentType: string;
  readonly resultComponentType: string;
}

/** Reads an adapter's subgroups. @returns undefined where they are not all of one size: a kernel cannot know what it runs with. */
export function subgroupsOf(adapter: GPUAdapter): Subgroups | undefined {
  const { features } = adapter;
  const info = infoOf(adapter);
  const { subgroupMinSize, subgroupMaxSize } = info;
  const { subgroupMatrixConfigs } = info as { subgroupMatrixConfigs?: readonly MatrixConfig[] };
  if (!features.has('subgroups') || subgroupMinSize === undefined || subgroupMinSize !== subgroupMaxSize)
    return undefined;
  if (!features.has(SUBGROUP_MATRIX)) return { lanes: subgroupMinSize, matrices: NO_MATRICES };
  const matricesOf = (component: MatrixComponent): MatrixSizes[] =>
    Array.from(subgroupMatrixConfigs ?? [])
      .filter(({ componentType, resultComponentType }) => componentType === component && resultComponentType === 'f32')
      .map(({ M, N, K }) => ({ M, N, K }));
  const f16 = features.has('shader-f16') ? matricesOf('f16') : [];
  return { lanes: subgroupMinSize, matrices: { f32: matricesOf('f32'), f16 } };
}

/** What kernels there are to choose from depends on, in words. */
export function describeSubgroups(subgroups: Subgroups | undefined): string {
  if (subgroups === undefined) return 'subgroups of many sizes';
  const matrices = Object.entries(subgroups.matrices).flatMap(([component, sizes]) =>
    sizes.map(({ M, N, K }) => `${component} ${M}×${N}×${K}`),
  );
  return [`subgroups of ${subgroups.lanes}`, ...matrices].join(', ');
}
