import type { Device, Program } from '../../device/device.ts';
import type { Graph } from '../../graph/graph.ts';
import { addInto, scale } from '../../graph/ops/elementwise.ts';
import { innerProduct } from '../../graph/ops/inner-product.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { largestEntry, trace } from '../../graph/ops/square-measures.ts';
import type { Tensor } from '../../graph/tensor.ts';
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

/** The finished task, counted from 1, and the number of tasks in the order. */
export interface PlaceInOrder {
  readonly task: number;
  readonly tasks: number;
}

/** Awaited between parts of the work; what it throws ends it. */
type Between = () => Promise<void>;

/** f32 cannot tell energies below this share of the largest from 0. */
const NEGLIGIBLE = 1e-6;
/** Share of the energy that a task's main directions hold, with a soft space, which has no threshold. */
const DIRECTIONS_SHARE = 0.97;
/** Steps w ← w² (3 − 2 w) that turn weights into 0 or 1; one moves a weight of ½ + δ to about ½ + 1.5 δ. */
const SHARPENINGS = 20;

/**
 * Grows spaces of inputs of one width, one after another: docs/method.md, sections 4.2 and 4.3. What takes n³ operations
 * is a product on the device, but for the eigenvalues of a hard space.
 */
export class InputSpaceGrowth {
  readonly #plan: InputSpacePlan;
  /** Whether no task came before. */
  readonly #isFirst: boolean;
  readonly #bench: SpaceWorkbench;

  constructor(device: Device, plan: InputSpacePlan, n: number, isFirst: boolean) {
    this.#plan = plan;
    this.#isFirst = isFirst;
    this.#bench = new SpaceWorkbench(device, n);
  }

  /** What the programs on the bench compute. */
  readonly #records = {
    take: (g: Graph): void => {
      const { P, inverse } = this.#bench;
      addInto(g, inverse.result, P, -1, 0);
    },
    soft: (g: Graph): void => {
      const { P, C, numbers, inverse } = this.#bench;
      innerProduct(g, P, C, numbers, NUMBERS.outside);
      trace(g, P, numbers, NUMBERS.left);
      const again = matmul(g, inverse.first, P, { layout: 'nn' }); // A P
      largestEntry(g, matmul(g, P, again, { layout: 'nn', alpha: -1, addend: P }), numbers, NUMBERS.error);
    },
    outside: (g: Graph): void => {
      const { C, P, inverse } = this.#bench;
      const half = matmul(g, C, P, { layout: 'nn' }); // C P
      const isOfInputs = this.#plan.form === 'hard' && this.#plan.energyOf === 'inputs';
      matmul(g, isOfInputs ? P : half, half, { layout: isOfInputs ? 'nn' : 'tn', into: inverse.first });
    },
    hard: (g: Graph): void => {
      const { P, numbers } = this.#bench;
      largestEntry(g, matmul(g, P, P, { layout: 'nn', alpha: -1, addend: P }), numbers, NUMBERS.error);
    },
  };

  /** Compiles what takes most memory and time, for a plan. @returns the programs that one space takes. */
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
   * @param look what was measured of the input.
   * @throws GorpError `run/not-finite`, with the layer's name.
   */
  async grow(input: GrowingInput, look: Look, place: PlaceInOrder, between: Between): Promise<GrownInput> {
    const bench = this.#bench;
    if (this.#isFirst) bench.write(bench.P, identity(bench.n));
    await bench.copy([input.sum, bench.C], ...(this.#isFirst ? [] : [[input.P, bench.P] as const]));
    const grown =
      this.#plan.form === 'soft'
        ? await this.#growSoft(this.#plan, input, look, place, between)
        : await this.#growHard(this.#plan, input, look, place, between);
    await bench.copy([bench.P, input.P]);
    return grown;
  }

  /** E ← E + C / tr C or the mean over tasks, P = (I + E / α)⁻¹: docs/method.md, eq. (18). */
  async #growSoft(
    plan: SoftInputSpacePlan,
    { name, state }: GrowingInput,
    { leading, energy, heldBefore, leftBefore }: Look,
    { task }: PlaceInOrder,
    between: Between,
  ): Promise<GrownInput> {
    const bench = this.#bench;
    const { n } = bench;
    const [before, now] = plan.energies === 'mean' ? [(task - 1) / task, 1 / task] : [1, 1];
    const C = await bench.read(bench.C);
    const next = new Float32Array(packedLength(n));
    for (let i = 0, at = 0; i < n; i++) {
      for (let j = i; j < n; j++, at++) {
        next[at] = before * (state?.[at] ?? 0) + (energy > 0 ? (now * C[i * n + j]) / energy : 0);
      }
    }
    await this.#project(name, next, plan, between);
    const numbers = await bench.read(bench.numbers);
    const [earlier, total] = [leftBefore, numbers[NUMBERS.left]].map((left) => Math.round(n - left));
    return {
      state: next,
      added: Math.max(0, total - earlier),
      total,
      heldBefore,
      spectrum: leading.outside.map((value) => (energy > 0 ? Math.max(0, value) / energy : 0)),
      threshold: shareInside(numbers[NUMBERS.outside], energy),
      directions: mainDirections(leading, energy, DIRECTIONS_SHARE),
      orthonormality: numbers[NUMBERS.error],
    };
  }

  /** Leaves P of a soft space on the bench. */
  async #project(name: string, E: PackedSymmetric, { softness }: SoftInputSpacePlan, between: Between): Promise<void> {
    const bench = this.#bench;
    const { n, inverse } = bench;
    let energy = 0;
    for (let i = 0, at = 0; i < n; at += n - i++) energy += E[at];
    const alpha = Math.max(softness / n, NEGLIGIBLE * energy);
    const A = squareOf(E, n, alpha);
    for (let i = 0; i < n; i++) A[i * n + i] += 1;
    bench.write(inverse.first, A);
    if (!(await inverse.run(between))) throw notFinite(name);
    await bench.run('take', this.#records.take);
    bench.write(inverse.first, A); // inverting has overwritten it
    await bench.run('soft', this.#records.soft);
  }

  /**
   * P ← P X, where X removes the main directions of the inputs outside the space, the fewest that hold the threshold:
   * docs/method.md, section 4.2.
   */
  async #growHard(
    plan: HardInputSpacePlan,
    { name }: GrowingInput,
    { leading, energy, squares, heldBefore, leftBefore }: Look,
    place: PlaceInOrder,
    between: Between,
  ): Promise<GrownInput> {
    const bench = this.#bench;
    const { n } = bench;
    const threshold = thresholdOf(plan, place.task, place.tasks);
    const isOfInputs = plan.energyOf === 'inputs';
    const residual = await this.#residual();
    const values = await eigenvaluesOf(matrix(n, n, residual), between);
    const all = isOfInputs ? energy : squares;
    const outside = values.reduce((sum, value) => sum + Math.max(0, value), 0);
    const held = isOfInputs || this.#isFirst ? heldBefore : shareInside(outside, all);
    const earlier = Math.round(n - leftBefore);
    const least = NEGLIGIBLE * Math.max(0, values[0]);
    const shares = Array.from(values, (value) => (all > 0 && value > least ? value / all : 0));
    const spectrum = shares.slice(0, n - earlier);
    const added = fewest(spectrum, held, threshold);
    if (added > 0) {
      const bound = Math.sqrt(values[added - 1] * Math.max(least, values[added] ?? 0));
      await this.#remove(name, residual, bound, between);
    }
    await bench.run('hard', this.#records.hard);
    const numbers = await bench.read(bench.numbers);
    // Products leave P symmetric to rounding only; what is saved is what the next task uses.
    const state = packedOf(await bench.read(bench.P), n);
    bench.write(bench.P, squareOf(state, n));
    return {
      state,
      added,
      total: earlier + added,
      heldBefore: held,
      spectrum,
      threshold,
      directions: mainDirections(leading, energy, threshold),
      orthonormality: numbers[NUMBERS.error],
    };
  }

  /** R = P C P, or (C P)ᵀ (C P), whose eigenvalues are the energies outside the space. */
  async #residual(): Promise<Float32Array<ArrayBuffer>> {
    const bench = this.#bench;
    await bench.run('outside', this.#records.outside);
    return bench.read(bench.inverse.first);
  }

  /**
   * Removes from P the directions in which R has more energy than a bound: X = (I + R / bound)⁻¹ has weights below ½
   * there and above ½ elsewhere, and sharpening makes them 0 and 1. @param residual overwritten.
   */
  async #remove(name: string, residual: Float32Array<ArrayBuffer>, bound: number, between: Between): Promise<void> {
    const bench = this.#bench;
    const { n, inverse } = bench;
    for (let i = 0; i < residual.length; i++) residual[i] /= bound;
    for (let i = 0; i < n; i++) residual[i * n + i] += 1;
    bench.write(inverse.first, residual);
    if (!(await inverse.run(between))) throw notFinite(name);
    let from = inverse.result;
    for (let step = 0; step < SHARPENINGS; step++) {
      const [Y, to] = [from, from === inverse.first ? inverse.second : inverse.first];
      await bench.run(`sharpen into ${to.name}`, (g) => recordSharpening(g, Y, to));
      await between();
      from = to;
    }
    await bench.run('remove', (g) => addInto(g, matmul(g, bench.P, from, { layout: 'nn', alpha: -1 }), bench.P, 1, 0));
  }

  /** Leaves P of an input in its place on the device, from a state saved on the host. */
  async rebuild(name: string, state: PackedSymmetric, P: Tensor): Promise<void> {
    const bench = this.#bench;
    if (this.#plan.form === 'soft') await this.#project(name, state, this.#plan, () => Promise.resolve());
    else bench.write(bench.P, squareOf(state, bench.n));
    await bench.copy([bench.P, P]);
  }

  destroy(): void {
    this.#bench.destroy();
  }
}

/** Y holds −X; `to` ← −(3 X² − 2 X³) = −3 Y² − 2 Y³. */
function recordSharpening(g: Graph, Y: Tensor, to: Tensor): void {
  const square = matmul(g, Y, Y, { layout: 'nn' });
  matmul(g, Y, square, { layout: 'nn', alpha: -2, addend: scale(g, square, -3), into: to });
}

function identity(n: number): Float32Array<ArrayBuffer> {
  const square = new Float32Array(n * n);
  for (let i = 0; i < n; i++) square[i * n + i] = 1;
  return square;
}
