import type { Program } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { addInto, scale } from '../../graph/ops/elementwise.ts';
import { batchedMatmul } from '../../graph/ops/matmul.ts';
import { largestEntry } from '../../graph/ops/square-measures.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { matrix } from '../../linear-algebra/matrix.ts';
import { type PackedSymmetric, packedOf, squareOf } from '../../linear-algebra/packed-symmetric.ts';
import { eigenvaluesOf } from '../../linear-algebra/symmetric-eigen.ts';
import { type HardInputSpacePlan, thresholdOf } from '../part/method-plan.ts';
import {
  type Between,
  type GrownInput,
  type GrowthForm,
  type InputOnBench,
  NEGLIGIBLE,
  type PlaceInOrder,
} from './growth-form.ts';
import { type InputBefore, shareInside } from './input-measurements.ts';
import { mainDirections } from './directions.ts';
import { fewest } from './space.ts';
import { NUMBERS, type SpaceWorkbench } from './space-workbench.ts';

/** Steps w ← w² (3 − 2 w) that turn weights into 0 or 1; one moves a weight of ½ + δ to about ½ + 1.5 δ. */
const SHARPENINGS = 20;

/** The directions that a hard space removes of an input. */
interface Removal extends Pick<GrownInput, 'added' | 'total' | 'heldBefore' | 'spectrum'> {
  /** R [n, n]. */
  readonly residual: Float32Array<ArrayBuffer>;
  /** Directions in which R has more energy are removed; infinite if none is. */
  readonly bound: number;
}

/** Hard spaces: docs/method.md, section 4.2. */
export class HardGrowth implements GrowthForm {
  readonly #bench: SpaceWorkbench;
  readonly #plan: HardInputSpacePlan;
  /** Whether no task came before. */
  readonly #isFirst: boolean;

  constructor(bench: SpaceWorkbench, plan: HardInputSpacePlan, isFirst: boolean) {
    this.#bench = bench;
    this.#plan = plan;
    this.#isFirst = isFirst;
  }

  async prepare(): Promise<Program[]> {
    const bench = this.#bench;
    const programs = await bench.prepareAll(this.#records);
    const { first, second } = bench.inverse;
    const { program } = await bench.prepare(`sharpen into ${second.name}`, (g) => recordSharpening(g, first, second));
    return [...programs, ...new Array<Program>(SHARPENINGS).fill(program)];
  }

  readonly #records = {
    outside: (g: Graph): void => {
      const { C, P, first } = this.#bench;
      const half = batchedMatmul(g, C.tensor, P.tensor, { layout: 'nn' }); // C P
      const isOfInputs = this.#plan.energyOf === 'inputs';
      batchedMatmul(g, isOfInputs ? P.tensor : half, half, { layout: isOfInputs ? 'nn' : 'tn', into: first.tensor });
    },
    measure: (g: Graph): void => {
      const { P, second, numbers, places } = this.#bench;
      const left = { layout: 'nn', alpha: -1, addend: P.tensor, into: second.tensor } as const;
      batchedMatmul(g, P.tensor, P.tensor, left); // P − P²
      for (const [i, place] of places.entries()) {
        largestEntry(g, second.view(place, false), numbers, this.#bench.numberOf(i) + NUMBERS.error);
      }
    },
  };

  /**
   * P ← P X, where X removes the main directions of the inputs outside the space, the fewest that hold the threshold:
   * docs/method.md, section 4.2.
   */
  async grow(each: readonly InputOnBench[], place: PlaceInOrder, between: Between): Promise<GrownInput[]> {
    const bench = this.#bench;
    const { n, first, P } = bench;
    const threshold = thresholdOf(this.#plan, place.task, place.tasks);
    // R = P C P, or (C P)ᵀ (C P), whose eigenvalues are the energies outside the space.
    await bench.run('outside', this.#records.outside);
    const residuals = await first.readAll();
    const found: Removal[] = [];
    for (const [i, { before }] of each.entries()) {
      found.push(await this.#removalOf(residuals[i], before, threshold, between));
    }
    if (found.some(({ added }) => added > 0)) await this.#remove(each, found, between);
    await bench.run('measure', this.#records.measure);
    const [measured, projectors] = [await bench.measured(), await P.readAll()];
    return each.map(({ own, before }, i) => {
      const { added, total, heldBefore, spectrum } = found[i];
      // Products leave P symmetric to rounding only; what is saved is what the next task uses.
      const state = packedOf(projectors[i], n);
      P.write(own, squareOf(state, n));
      const directions = mainDirections(before.leading, before.energy, threshold);
      const orthonormality = measured[i][NUMBERS.error];
      return { state, added, total, heldBefore, spectrum, threshold, directions, orthonormality };
    });
  }

  /** Returns the directions that a threshold removes of one input, from its R. */
  async #removalOf(
    residual: Float32Array<ArrayBuffer>,
    before: InputBefore,
    threshold: number,
    between: Between,
  ): Promise<Removal> {
    const { n } = this.#bench;
    const isOfInputs = this.#plan.energyOf === 'inputs';
    const values = await eigenvaluesOf(matrix(n, n, residual), between);
    const all = isOfInputs ? before.energy : before.squares;
    const outside = values.reduce((sum, value) => sum + Math.max(0, value), 0);
    const heldBefore = isOfInputs || this.#isFirst ? before.heldBefore : shareInside(outside, all);
    const earlier = Math.round(n - before.leftBefore);
    const least = NEGLIGIBLE * Math.max(0, values[0]);
    const shares = Array.from(values, (value) => (all > 0 && value > least ? value / all : 0));
    const spectrum = shares.slice(0, n - earlier);
    const added = fewest(spectrum, heldBefore, threshold);
    const bound = added > 0 ? Math.sqrt(values[added - 1] * Math.max(least, values[added] ?? 0)) : Infinity;
    return { residual, bound, added, total: earlier + added, heldBefore, spectrum };
  }

  /**
   * Removes from each P the directions in which R has more energy than a bound: X = (I + R / bound)⁻¹ has weights below ½
   * there and above ½ elsewhere, and sharpening makes them 0 and 1. @param found the residuals are overwritten.
   */
  async #remove(each: readonly InputOnBench[], found: readonly Removal[], between: Between): Promise<void> {
    const bench = this.#bench;
    const { n, P, inverse, first } = bench;
    for (const [i, { residual, bound }] of found.entries()) {
      for (let at = 0; at < residual.length; at++) residual[at] /= bound;
      for (let at = 0; at < n; at++) residual[at * n + at] += 1;
      first.write(each[i].own, residual);
    }
    await bench.invert(
      each.map(({ name }) => name),
      between,
    );
    const other = (one: Tensor): Tensor => (one === inverse.first ? inverse.second : inverse.first);
    let from = inverse.result;
    for (let step = 0; step < SHARPENINGS; step++) {
      const [Y, to] = [from, other(from)];
      await bench.run(`sharpen into ${to.name}`, (g) => recordSharpening(g, Y, to));
      await between();
      from = to;
    }
    await bench.run('remove', (g) => {
      batchedMatmul(g, P.tensor, from, { layout: 'nn', alpha: -1, into: other(from) });
      addInto(g, other(from), P.tensor, 1, 0);
    });
  }

  rebuild(_: readonly string[], states: readonly PackedSymmetric[]): Promise<void> {
    const { n, P, places } = this.#bench;
    for (const [i, own] of places.entries()) P.write(own, squareOf(states[i], n));
    return Promise.resolve();
  }
}

/** Y holds −X; `to` ← −(3 X² − 2 X³) = −3 Y² − 2 Y³. */
function recordSharpening(g: Graph, Y: Tensor, to: Tensor): void {
  const square = batchedMatmul(g, Y, Y, { layout: 'nn' });
  batchedMatmul(g, Y, square, { layout: 'nn', alpha: -2, addend: scale(g, square, -3), into: to });
}
