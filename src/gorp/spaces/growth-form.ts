import type { Program } from '../../device/device.ts';
import type { Matrix } from '../../linear-algebra/matrix.ts';
import type { PackedSymmetric } from '../../linear-algebra/packed-symmetric.ts';
import type { InputBefore, MeasuredInput } from './input-measurements.ts';
import type { Growth } from '../part/part.ts';

/** The directions that a task added to the space of an input. */
export interface GrownInput extends Growth {
  /** The matrix to which the next task adds: E of a soft space, P of a hard one. */
  readonly state: PackedSymmetric;
  /** The task's own main directions, [n, ≤ 16]. */
  readonly directions: Matrix;
  /** ‖P − P A P‖max of a soft space, where P should be A⁻¹; ‖P − P²‖max of a hard one. */
  readonly orthonormality: number;
}

/** An input whose space grows: P is overwritten. */
export interface GrowingInput extends MeasuredInput {
  readonly state: PackedSymmetric | undefined;
}

/** An input whose space grows on the bench, and its place there. */
export interface InputOnBench extends GrowingInput {
  readonly before: InputBefore;
  readonly own: string;
}

/** The finished task, counted from 1 with the protected base model as the first, and the number of tasks in the order. */
export interface PlaceInOrder {
  readonly task: number;
  readonly tasks: number;
}

/** Awaited between parts of the work; what it throws ends it. */
export type Between = () => Promise<void>;

/** f32 cannot tell energies below this share of the largest from 0. */
export const NEGLIGIBLE = 1e-6;

/** How spaces grow on a bench: soft or hard. */
export interface GrowthForm {
  /** Compiles what takes most memory and time, for a plan. @returns the programs that the spaces on the bench take. */
  prepare(): Promise<Program[]>;
  /**
   * Leaves P of every space on the bench.
   *
   * @returns in the order of the places.
   * @throws GorpError `run/not-finite`, with the layer's name.
   */
  grow(each: readonly InputOnBench[], place: PlaceInOrder, between: Between): Promise<GrownInput[]>;
  /** Computes P of every space on the bench from states that were saved. */
  rebuild(names: readonly string[], states: readonly PackedSymmetric[]): Promise<void>;
}

/**
 * The directions that a task added to the space of an input, and the share of each of its main directions that lies in
 * it now.
 */
export interface LearnedInput extends GrownInput {
  readonly suppressed: number[];
}
