import { infoOf } from './adapter-info.ts';

/**
 * Threads of each of an adapter's subgroups.
 *
 * @returns undefined if they are not all of one size, since a kernel could not know the size it runs with.
 */
export function lanesOf(adapter: GPUAdapter): number | undefined {
  const { subgroupMinSize, subgroupMaxSize } = infoOf(adapter);
  return adapter.features.has('subgroups') && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : undefined;
}
