import type { MeasuredGroup } from './layer-statistics.ts';
import type { Part, Reservation, UpdateParts } from './part.ts';
import type { SavedProgress, SavedTensors, StateTensor } from './state.ts';
import type { UpdateContext } from './trainable-group.ts';

/** Layers of one shape, trained the same way, with all that they need on the device. */
interface TrainedGroup extends MeasuredGroup {
  reserve(reservation: Reservation): void;
  recordUpdate(context: UpdateContext): void;
  state(training: boolean): StateTensor[];
  restore(saved: SavedTensors, progress: SavedProgress): Promise<void>;
  destroy(): void;
}

/** A part that trains layers in groups of one shape: what it does is what each of its groups does. */
export abstract class GroupedPart<Group extends TrainedGroup> implements Part {
  abstract readonly groups: readonly Group[];

  groupOf(layer: string): Group | undefined {
    return this.groups.find(({ layers }) => layers.names.includes(layer));
  }

  trains(layer: string): boolean {
    return this.groupOf(layer) !== undefined;
  }

  recordUpdate({ g, clip, rates, meters, measures }: UpdateParts): void {
    for (const group of this.groups) {
      group.recordUpdate({ g, clip, rates, meters: measures ? meters.spaceMetersOf(group) : undefined });
    }
  }

  reserve(reservation: Reservation): void {
    for (const group of this.groups) group.reserve(reservation);
  }

  state(training: boolean): StateTensor[] {
    return this.groups.flatMap((group) => group.state(training));
  }

  async restore(saved: SavedTensors, progress: SavedProgress): Promise<void> {
    for (const group of this.groups) await group.restore(saved, progress);
  }

  destroy(): void {
    for (const group of this.groups) group.destroy();
  }
}
