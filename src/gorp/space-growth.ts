import type { Device } from '../device/device.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { orthonormality } from '../graph/ops/orthonormality.ts';
import { plainTensor, storeTensor } from '../graph/tensor.ts';
import { anglesToEarlier, directionsOfCovariance, directionsOfMoment, type TaskAngles } from './directions.ts';
import type { FullRankGroup } from './full-rank-group.ts';
import { LoraGroup } from './lora-group.ts';
import type { Matrix } from './matrix.ts';
import { isSoft, type SpacePlan } from './method-plan.ts';
import type { SpaceGrowth } from './space.ts';
import type { GroupSpace } from './trainable-group.ts';

/** The growth of one tensor's space after a task. */
export interface NamedGrowth extends Omit<SpaceGrowth, 'space'> {
  name: string;
  part: 'lora' | 'full-rank';
  dimension: number;
  /** ‖SᵀS − I‖max of the space as the GPU holds it; of a soft space, whose columns are shorter, without the diagonal. */
  orthonormality: number;
  /** Number of the task's own main directions. */
  directions: number;
  /** How these lie to the main directions of each earlier task. */
  angles: TaskAngles[];
}

/** A tensor's growth, and the task's own main directions behind it. */
interface Grown {
  growth: SpaceGrowth;
  directions: Matrix;
}

/**
 * Grows the shared space of every tensor at the end of a task (docs/method.md, section 4), puts it on the GPU, and measures it.
 *
 * @param covariances of the inputs of each layer, where spaces are built from activations; else first moments are read
 * from the GPU.
 */
export async function growSpaces(
  device: Device,
  groups: readonly (LoraGroup | FullRankGroup)[],
  plan: SpacePlan,
  covariances: ReadonlyMap<string, Matrix> | undefined,
): Promise<NamedGrowth[]> {
  const { threshold, rule, softness } = plan;
  const soft = isSoft(plan);
  const growths: NamedGrowth[] = [];
  // Layers that read the same inputs (q and v, and every layer on the encoder's output) grow the same space once.
  const shared = new Map<Matrix, Grown>();
  const fromCovariance = (space: GroupSpace, name: string, covariance: Matrix): Grown => {
    const growth = space.grownFromCovariance(name, covariance, threshold, softness);
    return { growth, directions: directionsOfCovariance(covariance, threshold, soft ? undefined : growth) };
  };
  for (const group of groups) {
    const { space } = group;
    if (space === undefined) continue;
    const grown = new Map<string, Grown>();
    if (covariances) {
      for (const name of space.names) {
        const covariance = covariances.get(name) as Matrix;
        const one = shared.get(covariance) ?? fromCovariance(space, name, covariance);
        shared.set(covariance, one);
        grown.set(name, one);
      }
    } else {
      for (const { name, moment, unprojected } of await group.momentsForSpace()) {
        const growth = space.grownFromMoment(name, moment, threshold, rule);
        grown.set(name, { growth, directions: directionsOfMoment(unprojected, threshold) });
      }
    }
    for (const [name, { growth }] of grown) space.spaces.set(name, growth.space);
    space.upload();
    const errors = await measureOrthonormality(device, space, soft);
    for (const [i, [name, { growth, directions }]] of [...grown].entries()) {
      const earlier = space.directions.get(name) ?? [];
      const { added, total, heldBefore, spectrum, threshold: held } = growth;
      growths.push({
        name,
        part: group instanceof LoraGroup ? 'lora' : 'full-rank',
        dimension: space.dimension,
        added,
        total,
        heldBefore,
        spectrum,
        threshold: held,
        orthonormality: errors[i],
        directions: directions.columns,
        angles: anglesToEarlier(directions, earlier),
      });
      space.directions.set(name, [...earlier, directions]);
    }
  }
  return growths;
}

/** ‖SᵀS − I‖max of the spaces of a group on the GPU, in the order of their names; 0 where all are empty. */
async function measureOrthonormality(
  device: Device,
  { names, stackSpace }: GroupSpace,
  soft: boolean,
): Promise<ArrayLike<number>> {
  if (stackSpace === undefined) return names.map(() => 0);
  const errors = storeTensor(device, plainTensor('orthonormality', [names.length]), 'inputs');
  try {
    const g = new Graph();
    orthonormality(g, stackSpace.S, errors, soft);
    const compiled = await compile(device, 'orthonormality', g, []);
    try {
      await device.run([compiled.program]);
      return new Float32Array(await device.read(errors.storage));
    } finally {
      compiled.destroy();
    }
  } finally {
    errors.storage.buffer.destroy();
  }
}
