import { inDigits } from '../../base/statistics.ts';
import type { Device } from '../../device/device.ts';
import { runOnce } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { orthonormality } from '../../graph/ops/square-measures.ts';
import { plainTensor, storeTensor } from '../../graph/tensor.ts';
import { type Matrix, single, transposeMultiply } from '../../linear-algebra/matrix.ts';
import type { MeasuredGroup } from '../part/layer-statistics.ts';
import type { MomentSpacePlan } from '../part/method-plan.ts';
import type { DistinctInput, EndedTask, NamedGrowth, Part } from '../part/part.ts';
import type { MomentPair } from '../part/trainable-group.ts';
import { addDirections, anglesToEarlier, directionsOfMoment, storedDirections } from './directions.ts';
import type { LearnedInput } from './growth-form.ts';
import { MomentSpace } from './moment-space.ts';
import { growSpace, type SpaceGrowth } from './space.ts';

/** A group whose first moments make a space. */
interface MomentGroup extends MeasuredGroup {
  /** First moments, from which its space grows; waits for the device. */
  momentsForSpace(): Promise<MomentPair[]>;
}

/**
 * Grows the shared space of every tensor from Adam's first moments at the end of a task (docs/method.md, eq. (15)),
 * uploads it to the device and measures it.
 */
async function growFromMoments(
  device: Device,
  groups: readonly MomentGroup[],
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
    for (const { name, growth } of grown) space.spaces.set(name, single(growth.space));
    space.upload();
    const errors = await measureOrthonormality(device, space);
    for (const [i, { name, growth, directions }] of grown.entries()) {
      const all = addDirections(space.directions.get(name) ?? [], directions);
      space.directions.set(name, all);
      const suppressed = sharesInside(directions, growth.space);
      const one = { ...growth, orthonormality: errors[i], directions, suppressed };
      growths.push(named(group, name, space.dimension, one, all.slice(0, -1)));
    }
  }
  return growths;
}

/**
 * Reports the growth of spaces of inputs (docs/method.md, sections 4.2 and 4.3), for every trained tensor; tensors with
 * the same input have the same.
 */
export const namedGrowths = (
  spaces: {
    readonly directions: ReadonlyMap<string, readonly Matrix[]>;
    inputOf(layer: string): DistinctInput;
  },
  groups: readonly MeasuredGroup[],
  grown: ReadonlyMap<string, LearnedInput>,
): NamedGrowth[] =>
  groups.flatMap((group) =>
    group.layers.names.flatMap((layer): NamedGrowth[] => {
      const { name, width } = spaces.inputOf(layer);
      const growth = grown.get(name);
      return growth ? [named(group, layer, width, growth, (spaces.directions.get(name) ?? []).slice(0, -1))] : [];
    }),
  );

/**
 * Reports a tensor's growth in few digits: a model holds it for every task. @param earlier main directions of the tasks
 * before.
 */
function named(
  group: MeasuredGroup,
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
    part: group.part,
    dimension,
    added,
    total,
    heldBefore: inDigits(heldBefore),
    spectrum: spectrum.map(inDigits),
    threshold: inDigits(threshold),
    orthonormality: inDigits(orthonormality),
    directions: directions.columns,
    suppressed: suppressed.map(inDigits),
    angles: anglesToEarlier(directions, earlier).map(({ task, cosines }) => ({ task, cosines: cosines.map(inDigits) })),
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
    await runOnce(device, 'orthonormality', g);
    return new Float32Array(await device.read(errors.storage));
  } finally {
    errors.storage.buffer.destroy();
  }
}

/**
 * The spaces of Adam's first moments (docs/method.md, section 4.1). Each group of trained tensors holds and saves its
 * own; this part grows them at the end of a task.
 */
export class MomentSpaces implements Part {
  readonly plan: MomentSpacePlan;
  readonly #groups: () => readonly MomentGroup[];

  /** @param groups of the parts that train, which may be opened after this one. */
  constructor(plan: MomentSpacePlan, groups: () => readonly MomentGroup[]) {
    this.plan = plan;
    this.#groups = groups;
  }

  get #spaces(): MomentSpace[] {
    return this.#groups().flatMap(({ space }) => (space instanceof MomentSpace ? [space] : []));
  }

  endTask({ device }: EndedTask): Promise<NamedGrowth[]> {
    return growFromMoments(device, this.#groups(), this.plan);
  }

  get storedBytes(): number {
    const spaces = this.#spaces.flatMap(({ spaces }) => [...spaces.values()]);
    return 4 * spaces.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  }

  savedBytes(tasks: number): number {
    return this.#spaces.reduce((sum, space) => sum + 4 * (space.S?.tensor.elements ?? 0) + directions(space, tasks), 0);
  }

  hostBytes(tasks: number): number {
    return 2 * this.savedBytes(tasks); // in f64
  }
}

const directions = ({ names, dimension }: MomentSpace, tasks: number): number =>
  4 * storedDirections(tasks) * names.length * dimension;
