import type { FullRankGroup } from './full-rank-group.ts';
import { LoraGroup } from './lora-group.ts';
import type { Matrix } from './matrix.ts';
import type { MethodSettings } from './method-settings.ts';
import type { SpaceGrowth } from './space.ts';

/** The growth of one tensor's space after a task. */
export interface NamedGrowth extends SpaceGrowth {
  name: string;
  part: 'lora' | 'full-rank';
  dimension: number;
}

/**
 * Grows the shared space of every tensor at the end of a task (METHOD.md section 4).
 *
 * @param covariances of the inputs of each layer, where spaces are built from activations; else first moments are read
 * from the GPU.
 */
export async function growSpaces(
  groups: readonly (LoraGroup | FullRankGroup)[],
  { threshold, spaceRule }: MethodSettings,
  covariances: ReadonlyMap<string, Matrix> | undefined,
): Promise<NamedGrowth[]> {
  const growths: NamedGrowth[] = [];
  // Layers that read the same inputs (q and v, and every layer on the encoder's output) grow the same space once.
  const shared = new Map<Matrix, SpaceGrowth>();
  for (const group of groups) {
    const { space } = group;
    if (space === undefined) continue;
    const moments = covariances ? undefined : await group.momentsForSpace();
    for (const name of space.names) {
      const covariance = covariances?.get(name);
      const growth = covariance
        ? (shared.get(covariance) ?? space.grownFromCovariance(name, covariance, threshold))
        : space.grownFromMoment(name, moments?.get(name) as Matrix, threshold, spaceRule);
      space.spaces.set(name, growth.space);
      if (covariance) shared.set(covariance, growth);
      const part = group instanceof LoraGroup ? 'lora' : 'full-rank';
      growths.push({ ...growth, name, part, dimension: space.dimension });
    }
  }
  return growths;
}
