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
  /** ‖SᵀS − I‖max of the space on the GPU; without the diagonal for a soft space, whose columns are shorter. */
  orthonormality: number;
  /** Number of the task's own main directions. */
  directions: number;
  /** Their angles to the main directions of each earlier task. */
  angles: TaskAngles[];
}

/** A tensor's growth, with the task's own main directions. */
interface Grown {
  growth: SpaceGrowth;
  directions: Matrix;
}

/**
 * Grows the shared space of every tensor at the end of a task (docs/method.md, section 4), uploads it to the GPU and
 * measures it.
 *
 * @param task the finished task, counted from 1.
 * @param covariances of the inputs of each layer, if spaces come from activations; else reads first moments.
 */
export async function growSpaces(
  device: Device,
  groups: readonly (LoraGroup | FullRankGroup)[],
  plan: SpacePlan,
  task: number,
  covariances: ReadonlyMap<string, Matrix> | undefined,
): Promise<NamedGrowth[]> {
  const { threshold, rule } = plan;
  const soft = isSoft(plan);
  const growths: NamedGrowth[] = [];
  // Layers with the same inputs (q and v, and every layer on the encoder's output) share one computation.
  const shared = new Map<Matrix, Grown>();
  const fromCovariance = (space: GroupSpace, name: string, covariance: Matrix): Grown => {
    const growth = space.grownFromCovariance(name, covariance, plan, task);
    const isCut = !soft && plan.energyOf === 'inputs';
    return { growth, directions: directionsOfCovariance(covariance, threshold, isCut ? growth : undefined) };
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

/** ‖SᵀS − I‖max of the spaces of a group on the GPU, in the order of their names; 0 if all are empty. */
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
