import type { Device, Program } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { addInto, scale } from '../../graph/ops/elementwise.ts';
import { innerProduct } from '../../graph/ops/inner-product.ts';
import { batchedMatmul } from '../../graph/ops/matmul.ts';
import { largestEntry, trace } from '../../graph/ops/square-measures.ts';
import { storageOf, type Tensor } from '../../graph/tensor.ts';
import { type Look, type MeasuredInput, notFinite, shareInside } from './input-measurements.ts';
import { mainDirections } from './leading-directions.ts';
import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import { type HardInputSpacePlan, type InputSpacePlan, type SoftInputSpacePlan, thresholdOf } from '../method-plan.ts';
import { packedLength, type PackedSymmetric, packedOf, squareOf } from '../../linear-algebra/packed-symmetric.ts';
import { fewest, type SpaceGrowth } from './space.ts';
import { NUMBERS, SpaceWorkbench } from './space-workbench.ts';
import { eigenvaluesOf } from '../../linear-algebra/symmetric-eigen.ts';

/** What a task added to the space of an input. */
export interface GrownInput extends Omit<SpaceGrowth, 'space'> {
  /** What the next task adds to: E of a soft space, P of a hard one. */
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

/** An input whose space was saved. */
export interface SavedInput {
  readonly name: string;
  readonly state: PackedSymmetric;
  /** Its place on the device. */
  readonly P: Tensor;
}

/** An input whose space grows on the bench, and its place there. */
interface InputOnBench extends GrowingInput {
  readonly look: Look;
  readonly own: string;
}

/** The finished task, counted from 1, and the number of tasks in the order. */
export interface PlaceInOrder {
  readonly task: number;
  readonly tasks: number;
}

/** Numbers that are measured of a space. */
const COUNT = Object.keys(NUMBERS).length;

/** Awaited between parts of the work; what it throws ends it. */
type Between = () => Promise<void>;

/** f32 cannot tell energies below this share of the largest from 0. */
const NEGLIGIBLE = 1e-6;
/** Share of the energy that a task's main directions hold, with a soft space, which has no threshold. */
const DIRECTIONS_SHARE = 0.97;
/** Steps w ← w² (3 − 2 w) that turn weights into 0 or 1; one moves a weight of ½ + δ to about ½ + 1.5 δ. */
const SHARPENINGS = 20;

/**
 * Grows some spaces of inputs of one width together, and then others: docs/method.md, sections 4.2 and 4.3. What takes n³
 * operations is a product on the device, but for the eigenvalues of hard spaces.
 */
export class InputSpaceGrowth {
  readonly #plan: InputSpacePlan;
  /** Whether no task came before. */
  readonly #isFirst: boolean;
  readonly #bench: SpaceWorkbench;

  /** @param count of spaces that grow together. */
  constructor(
    device: Device,
    plan: InputSpacePlan,
    n: number,
    readonly count: number,
    isFirst: boolean,
  ) {
    this.#plan = plan;
    this.#isFirst = isFirst;
    this.#bench = new SpaceWorkbench(device, n, count);
  }

  /** What the programs on the bench compute. */
  readonly #records = {
    take: (g: Graph): void => {
      const { P, inverse } = this.#bench;
      addInto(g, inverse.result, P.tensor, -1, 0);
    },
    soft: (g: Graph): void => {
      const { P, C, first, second, numbers, places } = this.#bench;
      const again = batchedMatmul(g, first.tensor, P.tensor, { layout: 'nn' }); // A P
      const left = { layout: 'nn', alpha: -1, addend: P.tensor, into: second.tensor } as const;
      batchedMatmul(g, P.tensor, again, left); // P − P A P
      for (const [i, place] of places.entries()) {
        const [own, at] = [P.view(place, false), i * COUNT];
        innerProduct(g, own, C.view(place, false), numbers, at + NUMBERS.outside);
        trace(g, own, numbers, at + NUMBERS.left);
        largestEntry(g, second.view(place, false), numbers, at + NUMBERS.error);
      }
    },
    outside: (g: Graph): void => {
      const { C, P, first } = this.#bench;
      const half = batchedMatmul(g, C.tensor, P.tensor, { layout: 'nn' }); // C P
      const isOfInputs = this.#plan.form === 'hard' && this.#plan.energyOf === 'inputs';
      batchedMatmul(g, isOfInputs ? P.tensor : half, half, { layout: isOfInputs ? 'nn' : 'tn', into: first.tensor });
    },
    hard: (g: Graph): void => {
      const { P, second, numbers, places } = this.#bench;
      const left = { layout: 'nn', alpha: -1, addend: P.tensor, into: second.tensor } as const;
      batchedMatmul(g, P.tensor, P.tensor, left); // P − P²
      for (const [i, place] of places.entries()) {
        largestEntry(g, second.view(place, false), numbers, i * COUNT + NUMBERS.error);
      }
    },
  };

  /** Compiles what takes most memory and time, for a plan. @returns the programs that {@link count} spaces take. */
  async prepare(): Promise<Program[]> {
    const { take, soft, outside, hard } = this.#records;
    const bench = this.#bench;
    const inverse = (await bench.inverse.prepare()).map(({ program }) => program);
    const records = this.#plan.form === 'soft' ? { take, soft } : { outside, hard };
    const programs: Program[] = [...inverse];
    for (const [name, record] of Object.entries(records)) programs.push((await bench.prepare(name, record)).program);
    if (this.#plan.form === 'soft') return programs;
    const { first, second } = bench.inverse;
    const { program } = await bench.prepare(`sharpen into ${second.name}`, (g) => recordSharpening(g, first, second));
    return [...programs, ...new Array<Program>(SHARPENINGS).fill(program)];
  }

  /**
   * @param inputs {@link count} of them. @param looks what was measured of each.
   * @returns in the order of the inputs.
   * @throws GorpError `run/not-finite`, with the layer's name.
   */
  async grow(
    inputs: readonly GrowingInput[],
    looks: readonly Look[],
    place: PlaceInOrder,
    between: Between,
  ): Promise<GrownInput[]> {
    const bench = this.#bench;
    const { P, C, n, places } = bench;
    const each = places.map((own, i) => ({ ...inputs[i], look: looks[i], own }));
    if (this.#isFirst) for (const { own } of each) P.write(own, identity(n));
    await bench.copy([
      ...each.map(({ sum, own }) => [storageOf(sum), C.range(own)] as const),
      ...(this.#isFirst ? [] : each.map((one) => [storageOf(one.P), P.range(one.own)] as const)),
    ]);
    const grown =
      this.#plan.form === 'soft'
        ? await this.#growSoft(this.#plan, each, place, between)
        : await this.#growHard(this.#plan, each, place, between);
    await bench.copy(each.map((one) => [P.range(one.own), storageOf(one.P)]));
    return grown;
  }

  /** E ← E + C / tr C or the mean over tasks, P = (I + E / α)⁻¹: docs/method.md, eq. (18). */
  async #growSoft(
    plan: SoftInputSpacePlan,
    each: readonly InputOnBench[],
    { task }: PlaceInOrder,
    between: Between,
  ): Promise<GrownInput[]> {
    const bench = this.#bench;
    const { n, C } = bench;
    const shares = plan.energies === 'mean' ? { before: (task - 1) / task, now: 1 / task } : { before: 1, now: 1 };
    const states: PackedSymmetric[] = [];
    for (const { own, state, look } of each) {
      states.push(withTask(state, { n, C: await C.readOne(own), energy: look.energy }, shares));
      await between();
    }
    await this.#project(
      each.map(({ name }) => name),
      states,
      plan,
      between,
    );
    const measured = await bench.measured();
    return each.map(({ look: { leading, energy, heldBefore, leftBefore } }, i) => {
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
  async #project(
    names: readonly string[],
    energies: readonly PackedSymmetric[],
    { softness }: SoftInputSpacePlan,
    between: Between,
  ): Promise<void> {
    const bench = this.#bench;
    const { n, first, places } = bench;
    const A = energies.map((E) => {
      let energy = 0;
      for (let i = 0, at = 0; i < n; at += n - i++) energy += E[at];
      const square = squareOf(E, n, Math.max(softness / n, NEGLIGIBLE * energy));
      for (let i = 0; i < n; i++) square[i * n + i] += 1;
      return square;
    });
    for (const [i, own] of places.entries()) first.write(own, A[i]);
    await this.#invert(names, between);
    await bench.run('take', this.#records.take);
    for (const [i, own] of places.entries()) first.write(own, A[i]); // inverting has overwritten it
    await bench.run('soft', this.#records.soft);
  }

  /** @throws GorpError `run/not-finite`, with the layer's name. */
  async #invert(names: readonly string[], between: Between): Promise<void> {
    const arePositive = await this.#bench.inverse.run(between);
    const failed = arePositive.indexOf(false);
    if (failed >= 0) throw notFinite(names[failed]);
  }

  /**
   * P ← P X, where X removes the main directions of the inputs outside the space, the fewest that hold the threshold:
   * docs/method.md, section 4.2.
   */
  async #growHard(
    plan: HardInputSpacePlan,
    each: readonly InputOnBench[],
    place: PlaceInOrder,
    between: Between,
  ): Promise<GrownInput[]> {
    const bench = this.#bench;
    const { n, first, P } = bench;
    const threshold = thresholdOf(plan, place.task, place.tasks);
    const isOfInputs = plan.energyOf === 'inputs';
    // R = P C P, or (C P)ᵀ (C P), whose eigenvalues are the energies outside the space.
    await bench.run('outside', this.#records.outside);
    const found = [];
    for (const { own, look } of each) {
      const residual = await first.readOne(own);
      const values = await eigenvaluesOf(matrix(n, n, residual), between);
      const all = isOfInputs ? look.energy : look.squares;
      const outside = values.reduce((sum, value) => sum + Math.max(0, value), 0);
      const heldBefore = isOfInputs || this.#isFirst ? look.heldBefore : shareInside(outside, all);
      const earlier = Math.round(n - look.leftBefore);
      const least = NEGLIGIBLE * Math.max(0, values[0]);
      const shares = Array.from(values, (value) => (all > 0 && value > least ? value / all : 0));
      const spectrum = shares.slice(0, n - earlier);
      const added = fewest(spectrum, heldBefore, threshold);
      // Without a bound nothing is removed.
      const bound = added > 0 ? Math.sqrt(values[added - 1] * Math.max(least, values[added] ?? 0)) : Infinity;
      found.push({ residual, bound, added, total: earlier + added, heldBefore, spectrum });
    }
    if (found.some(({ added }) => added > 0)) await this.#remove(each, found, between);
    await bench.run('hard', this.#records.hard);
    const measured = await bench.measured();
    const grown: GrownInput[] = [];
    for (const [i, { own, look }] of each.entries()) {
      const { added, total, heldBefore, spectrum } = found[i];
      // Products leave P symmetric to rounding only; what is saved is what the next task uses.
      const state = packedOf(await P.readOne(own), n);
      P.write(own, squareOf(state, n));
      const directions = mainDirections(look.leading, look.energy, threshold);
      const orthonormality = measured[i][NUMBERS.error];
      grown.push({ state, added, total, heldBefore, spectrum, threshold, directions, orthonormality });
    }
    return grown;
  }

  /**
   * Removes from each P the directions in which R has more energy than a bound: X = (I + R / bound)⁻¹ has weights below ½
   * there and above ½ elsewhere, and sharpening makes them 0 and 1. @param found the residuals are overwritten.
   */
  async #remove(
    each: readonly InputOnBench[],
    found: readonly { readonly residual: Float32Array<ArrayBuffer>; readonly bound: number }[],
    between: Between,
  ): Promise<void> {
    const bench = this.#bench;
    const { n, P, inverse, first } = bench;
    for (const [i, { residual, bound }] of found.entries()) {
      for (let at = 0; at < residual.length; at++) residual[at] /= bound;
      for (let at = 0; at < n; at++) residual[at * n + at] += 1;
      first.write(each[i].own, residual);
    }
    await this.#invert(
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

  /** Leaves P of some inputs in their places on the device, from states saved on the host. */
  async rebuild(inputs: readonly SavedInput[]): Promise<void> {
    const bench = this.#bench;
    const { n, P, places } = bench;
    if (this.#plan.form === 'soft') {
      const [names, states] = [inputs.map(({ name }) => name), inputs.map(({ state }) => state)];
      await this.#project(names, states, this.#plan, () => Promise.resolve());
    } else {
      for (const [i, own] of places.entries()) P.write(own, squareOf(inputs[i].state, n));
    }
    await bench.copy(places.map((own, i) => [P.range(own), storageOf(inputs[i].P)]));
  }

  destroy(): void {
    this.#bench.destroy();
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

/** Y holds −X; `to` ← −(3 X² − 2 X³) = −3 Y² − 2 Y³. */
function recordSharpening(g: Graph, Y: Tensor, to: Tensor): void {
  const square = batchedMatmul(g, Y, Y, { layout: 'nn' });
  batchedMatmul(g, Y, square, { layout: 'nn', alpha: -2, addend: scale(g, square, -3), into: to });
}

function identity(n: number): Float32Array<ArrayBuffer> {
  const square = new Float32Array(n * n);
  for (let i = 0; i < n; i++) square[i * n + i] = 1;
  return square;
}
