import type { Device } from '../../device/device.ts';
import { compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { orthonormality } from '../../graph/ops/orthonormality.ts';
import { plainTensor, storeTensor } from '../../graph/tensor.ts';
import type { InputCovariances } from './covariances.ts';
import { anglesToEarlier, directionsOfMoment, type TaskAngles } from './directions.ts';
import type { FullRankGroup } from '../full-rank/full-rank-group.ts';
import { LoraGroup } from '../adapters/lora-group.ts';
import { type Matrix, transposeMultiply } from '../../linear-algebra/matrix.ts';
import type { InputSpaces, OnPart } from './input-spaces.ts';
import type { PlaceInOrder } from './growth-form.ts';
import type { MomentSpacePlan } from '../method-plan.ts';
import { MomentSpace } from './moment-space.ts';
import { growSpace, type SpaceGrowth } from './space.ts';

/** The growth of one tensor's space after a task. */
export interface NamedGrowth extends Omit<SpaceGrowth, 'space'> {
  name: string;
  part: 'lora' | 'full-rank';
  dimension: number;
  /** ‖SᵀS − I‖max of the space on the device; for a space of inputs, how far P is from what it should be. */
  orthonormality: number;
  /** Number of the task's own main directions. */
  directions: number;
  /** The share of each of them that lies in the space now: what it suppresses of it from now on. */
  suppressed: number[];
  /** Their angles to the main directions of each earlier task. */
  angles: TaskAngles[];
}

type Group = LoraGroup | FullRankGroup;

/**
 * Grows the shared space of every tensor from Adam's first moments at the end of a task (docs/method.md, eq. (15)),
 * uploads it to the device and measures it.
 */
export async function growFromMoments(
  device: Device,
  groups: readonly Group[],
  { threshold }: MomentSpacePlan,
): Promise<NamedGrowth[]> {
  const growths: NamedGrowth[] = [];
  for (const group of groups) {
    const { space } = group;
    if (!(space instanceof MomentSpace)) continue;
    const grown = (await group.momentsForSpace()).map(({ name, moment, unprojected }) => ({
      name,
      growth: growSpace({ space: space.spaces.get(name) ?? null, moment, threshold }),
      directions: directionsOfMoment(unprojected, threshold),
    }));
    for (const { name, growth } of grown) space.spaces.set(name, growth.space);
    space.upload();
    const errors = await measureOrthonormality(device, space);
    for (const [i, { name, growth, directions }] of grown.entries()) {
      const earlier = space.directions.get(name) ?? [];
      space.directions.set(name, [...earlier, directions]);
      const suppressed = sharesInside(directions, growth.space);
      const one = { ...growth, orthonormality: errors[i], directions, suppressed };
      growths.push(named(group, name, space.dimension, one, earlier));
    }
  }
  return growths;
}

/**
 * Grows the shared spaces of all inputs at the end of a task (docs/method.md, sections 4.2 and 4.3).
 *
 * @returns the growth of every trained tensor; tensors with the same input have the same.
 */
export async function growFromInputs(
  spaces: InputSpaces,
  groups: readonly Group[],
  { sums }: InputCovariances,
  place: PlaceInOrder,
  onPart: OnPart,
): Promise<NamedGrowth[]> {
  const grown = await spaces.grow(sums, place, onPart);
  return groups.flatMap((group) =>
    group.layers.names.flatMap((layer): NamedGrowth[] => {
      const { name, width } = spaces.inputOf(layer);
      const growth = grown.get(name);
      return growth ? [named(group, layer, width, growth, (spaces.directions.get(name) ?? []).slice(0, -1))] : [];
    }),
  );
}

/** What a run reports of a tensor's growth. @param earlier main directions of the tasks before. */
function named(
  group: Group,
  name: string,
  dimension: number,
  growth: Omit<SpaceGrowth, 'space'> & {
    orthonormality: number;
    directions: Matrix;
    suppressed: number[];
  },
  earlier: readonly Matrix[],
): NamedGrowth {
  const { added, total, heldBefore, spectrum, threshold, orthonormality, directions, suppressed } = growth;
  return {
    name,
    part: group instanceof LoraGroup ? 'lora' : 'full-rank',
    dimension,
    added,
    total,
    heldBefore,
    spectrum,
    threshold,
    orthonormality,
    directions: directions.columns,
    suppressed,
    angles: anglesToEarlier(directions, earlier),
  };
}

/** ‖Sᵀ u‖² of every direction u, columns of unit length. */
function sharesInside(directions: Matrix, space: Matrix): number[] {
  const inside = transposeMultiply(space, directions);
  return Array.from({ length: directions.columns }, (_, j) => {
    let share = 0;
    for (let i = 0; i < inside.rows; i++) share += inside.data[i * inside.columns + j] ** 2;
    return Math.min(1, share);
  });
}

/** ‖SᵀS − I‖max of the spaces of a group on the GPU, in the order of their names; 0 if all are empty. */
async function measureOrthonormality(device: Device, { names, S }: MomentSpace): Promise<ArrayLike<number>> {
  if (S === undefined) return names.map(() => 0);
  const errors = storeTensor(device, plainTensor('orthonormality', [names.length]), 'inputs');
  try {
    const g = new Graph();
    orthonormality(g, S.tensor, errors);
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
