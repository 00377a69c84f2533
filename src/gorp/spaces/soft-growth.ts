import type { Program } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { addInto } from '../../graph/ops/elementwise.ts';
import { batchedMatmul } from '../../graph/ops/matmul.ts';
import { innerProduct, largestEntry, trace } from '../../graph/ops/square-measures.ts';
import { packedLength, type PackedSymmetric, squareOf } from '../../linear-algebra/packed-symmetric.ts';
import type { SoftInputSpacePlan } from '../part/method-plan.ts';
import { mainDirections } from './directions.ts';
import {
  type Between,
  type GrownInput,
  type GrowthForm,
  type InputOnBench,
  NEGLIGIBLE,
  type PlaceInOrder,
} from './growth-form.ts';
import { shareInside } from './input-measurements.ts';
import { NUMBERS, type SpaceWorkbench } from './space-workbench.ts';

/** Share of the energy that a task's main directions hold; a soft space has no threshold. */
const DIRECTIONS_SHARE = 0.97;

/** Soft spaces: docs/method.md, section 4.3. */
export class SoftGrowth implements GrowthForm {
  readonly #bench: SpaceWorkbench;
  readonly #plan: SoftInputSpacePlan;

  constructor(bench: SpaceWorkbench, plan: SoftInputSpacePlan) {
    this.#bench = bench;
    this.#plan = plan;
  }

  prepare(): Promise<Program[]> {
    return this.#bench.prepareAll(this.#records);
  }

  readonly #records = {
    take: (g: Graph): void => {
      const { P, inverse } = this.#bench;
      addInto(g, inverse.result, P.tensor, -1, 0);
    },
    measure: (g: Graph): void => {
      const { P, C, first, second, numbers, places } = this.#bench;
      const again = batchedMatmul(g, first.tensor, P.tensor, { layout: 'nn' }); // A P
      const left = { layout: 'nn', alpha: -1, addend: P.tensor, into: second.tensor } as const;
      batchedMatmul(g, P.tensor, again, left); // P − P A P
      for (const [i, place] of places.entries()) {
        const [own, at] = [P.view(place, false), this.#bench.numberOf(i)];
        innerProduct(g, own, C.view(place, false), numbers, at + NUMBERS.outside);
        trace(g, own, numbers, at + NUMBERS.left);
        largestEntry(g, second.view(place, false), numbers, at + NUMBERS.error);
      }
    },
  };

  /** E ← E + C / tr C or the mean over tasks, P = (I + E / α)⁻¹: docs/method.md, eq. (18). */
  async grow(each: readonly InputOnBench[], { task }: PlaceInOrder, between: Between): Promise<GrownInput[]> {
    const bench = this.#bench;
    const { n, C } = bench;
    const shares =
      this.#plan.energies === 'mean' ? { before: (task - 1) / task, now: 1 / task } : { before: 1, now: 1 };
    const sums = await C.readAll();
    const states: PackedSymmetric[] = [];
    for (const [i, { state, before }] of each.entries()) {
      states.push(withTask(state, { n, C: sums[i], energy: before.energy }, shares));
      await between();
    }
    await this.#project(
      each.map(({ name }) => name),
      states,
      between,
    );
    const measured = await bench.measured();
    return each.map(({ before: { leading, energy, heldBefore, leftBefore } }, i) => {
      const numbers = measured[i];
      const [earlier, total] = [leftBefore, numbers[NUMBERS.left]].map((left) => Math.round(n - left));
      return {
        state: states[i],
        added: Math.max(0, total - earlier),
        total,
        heldBefore,
        spectrum: leading.outside.map((value) => (energy > 0 ? Math.max(0, value) / energy : 0)),
        threshold: shareInside(numbers[NUMBERS.outside], energy),
        directions: mainDirections(leading, energy, DIRECTIONS_SHARE),
        orthonormality: numbers[NUMBERS.error],
      };
    });
  }

  /** Leaves P of soft spaces on the bench. @param energies E of each. */
  async #project(names: readonly string[], energies: readonly PackedSymmetric[], between: Between): Promise<void> {
    const bench = this.#bench;
    const { n, first, places } = bench;
    const A = energies.map((E) => {
      let energy = 0;
      for (let i = 0, at = 0; i < n; at += n - i++) energy += E[at];
      const square = squareOf(E, n, Math.max(this.#plan.softness / n, NEGLIGIBLE * energy));
      for (let i = 0; i < n; i++) square[i * n + i] += 1;
      return square;
    });
    for (const [i, own] of places.entries()) first.write(own, A[i]);
    await bench.invert(names, between);
    await bench.run('take', this.#records.take);
    for (const [i, own] of places.entries()) first.write(own, A[i]); // inverting has overwritten it
    await bench.run('measure', this.#records.measure);
  }

  rebuild(names: readonly string[], states: readonly PackedSymmetric[]): Promise<void> {
    return this.#project(names, states, () => Promise.resolve());
  }
}

/**
 * E of a soft space with a task: before · E + now · C / tr C.
 *
 * @param E that of the tasks before; undefined before the first. @param task its C [n, n] and tr C.
 */
function withTask(
  E: PackedSymmetric | undefined,
  { n, C, energy }: { n: number; C: Float32Array; energy: number },
  { before, now }: { before: number; now: number },
): PackedSymmetric {
  const next = E?.slice() ?? new Float32Array(packedLength(n));
  const all = energy > 0 ? energy : 1; // without energy C is 0
  for (let i = 0, at = 0; i < n; i++) {
    const row = i * n;
    for (let j = i; j < n; j++, at++) next[at] = before * next[at] + (now * C[row + j]) / all;
  }
  return next;
}
