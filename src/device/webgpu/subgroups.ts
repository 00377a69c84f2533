import { infoOf } from './adapter-info.ts';

/** The feature of subgroup matrices, which browsers offer only behind a flag until it is standardised. */
export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

/** Element type of the operands of subgroup matrices. */
export type MatrixComponent = 'f32' | 'f16';

/** The sizes of a product that a subgroup computes as one operation: M × K times K × N. */
export interface MatrixSizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** A device's subgroups, if they are all of one size. */
export interface Subgroups {
  /** Threads per subgroup. */
  readonly lanes: number;
  /**
   * Matrices whose products are summed as f32, by element type of the operands, in the driver's order of preference.
   */
  readonly matrices: Readonly<Record<MatrixComponent, readonly MatrixSizes[]>>;
}

/** For a device without subgroup matrices. */
export const NO_MATRICES: Subgroups['matrices'] = { f32: [], f16: [] };

/** A configuration of `GPUAdapterInfo.subgroupMatrixConfigs`. */
interface MatrixConfig extends MatrixSizes {
  readonly componentType: string;
  readonly resultComponentType: string;
}

/**
 * Reads an adapter's subgroups.
 *
 * @returns undefined if they are not all of one size, since a kernel could not know the size it runs with.
 */
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

/** What decides which kernels are available, in words. */
export function describeSubgroups(subgroups: Subgroups | undefined): string {
  if (subgroups === undefined) return 'subgroups of many sizes';
  const matrices = Object.entries(subgroups.matrices).flatMap(([component, sizes]) =>
    sizes.map(({ M, N, K }) => `${component} ${M}×${N}×${K}`),
  );
  return [`subgroups of ${subgroups.lanes}`, ...matrices].join(', ');
}
