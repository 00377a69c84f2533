import type { EndedTask, Part } from '../part.ts';
import { storedDirections } from './directions.ts';
import type { MomentSpacePlan } from './plan.ts';
import { MomentSpace } from './moment-space.ts';
import type { NamedGrowth } from './growth-form.ts';
import { growFromMoments, type MomentGroup } from './space-growth.ts';

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

  /** S is saved in f64, as the host holds it; on the device it is f32. */
  savedBytes(tasks: number): number {
    return this.#spaces.reduce((sum, space) => sum + 8 * (space.S?.tensor.elements ?? 0) + directions(space, tasks), 0);
  }

  hostBytes(tasks: number): number {
    return this.savedBytes(tasks);
  }
}

const directions = ({ names, dimension }: MomentSpace, tasks: number): number =>
  4 * storedDirections(tasks) * names.length * dimension;
