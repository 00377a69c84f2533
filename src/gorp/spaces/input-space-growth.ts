import { chunks } from '../../base/statistics.ts';
import type { Device } from '../../device/device.ts';
import { storageOf, type Tensor } from '../../graph/tensor.ts';
import type { PackedSymmetric } from '../../linear-algebra/packed-symmetric.ts';
import type { InputSpacePlan } from '../part/method-plan.ts';
import type { PlannedGrowth } from '../part/part.ts';
import type { Between, GrowingInput, GrownInput, GrowthForm, LearnedInput, PlaceInOrder } from './growth-form.ts';
import { HardGrowth } from './hard-growth.ts';
import { InputMeasurements, type InputBefore } from './input-measurements.ts';
import { SoftGrowth } from './soft-growth.ts';
import { grownAtOnce, SpaceWorkbench } from './space-workbench.ts';

/** An input whose space was saved. */
export interface SavedInput {
  readonly name: string;
  readonly state: PackedSymmetric;
  /** Its place on the device. */
  readonly P: Tensor;
}

/**
 * Inputs that are measured in one program: enough to fill a graphics card with kernels that have a workgroup for each,
 * and few enough that the CPU takes seconds at most, even at a width of 4096, until the work can be stopped.
 */
const MEASURED_AT_ONCE = 8;

/** The tools that grow a number of spaces together. */
interface Tools {
  readonly count: number;
  readonly bench: SpaceWorkbench;
  readonly form: GrowthForm;
}

/**
 * Grows the spaces of inputs of one width, some together: docs/method.md, sections 4.2 and 4.3. What takes n³ operations
 * is a product on the device, but for the eigenvalues of hard spaces.
 */
export class InputSpaceGrowth {
  readonly #device: Device;
  readonly #plan: InputSpacePlan;
  readonly #width: number;
  /** Whether no task came before. */
  readonly #isFirst: boolean;
  /** For as many spaces as were grown together last. */
  #tools: Tools | undefined;

  constructor(device: Device, plan: InputSpacePlan, width: number, isFirst: boolean) {
    this.#device = device;
    this.#plan = plan;
    this.#width = width;
    this.#isFirst = isFirst;
  }

  /** Takes the memory in which inputs grow, and compiles what takes most time, for a plan. */
  async *reserve(inputs: readonly GrowingInput[]): AsyncGenerator<PlannedGrowth> {
    for (const [group, measurements] of this.#groups(inputs)) {
      yield { count: 0, programs: await measurements.prepare() };
      for (const { length: count } of chunks(group, grownAtOnce(this.#width))) {
        yield { count, programs: await this.#toolsFor(count).form.prepare() };
      }
    }
  }

  /**
   * @param onDone receives how many have grown.
   * @returns in the order of the inputs.
   * @throws GorpError `run/not-finite`, with the layer's name.
   */
  async grow(
    inputs: readonly GrowingInput[],
    place: PlaceInOrder,
    onDone: (done: number) => Promise<void>,
  ): Promise<LearnedInput[]> {
    const learned: LearnedInput[] = [];
    for (const [group, measurements] of this.#groups(inputs)) {
      const before = learned.length;
      await onDone(before);
      const inputsBefore = await measurements.before();
      const grown: GrownInput[] = [];
      for (const some of chunks(group, grownAtOnce(this.#width))) {
        const { length } = grown;
        const between = (): Promise<void> => onDone(before + length);
        await between();
        grown.push(
          ...(await this.#growTogether(some, inputsBefore.slice(length, length + some.length), place, between)),
        );
      }
      const columns = grown.map(({ directions }) => directions.columns);
      const suppressed = await measurements.after(inputsBefore, columns);
      learned.push(...grown.map((one, i) => ({ ...one, suppressed: suppressed[i] })));
    }
    return learned;
  }

  async #growTogether(
    inputs: readonly GrowingInput[],
    inputsBefore: readonly InputBefore[],
    place: PlaceInOrder,
    between: Between,
  ): Promise<GrownInput[]> {
    const { bench, form } = this.#toolsFor(inputs.length);
    const { P, C, n, places } = bench;
    const each = places.map((own, i) => ({ ...inputs[i], before: inputsBefore[i], own }));
    if (this.#isFirst) for (const { own } of each) P.write(own, identity(n));
    await bench.copy([
      ...each.map(({ sum, own }) => [storageOf(sum), C.range(own)] as const),
      ...(this.#isFirst ? [] : each.map((one) => [storageOf(one.P), P.range(one.own)] as const)),
    ]);
    const grown = await form.grow(each, place, between);
    await bench.copy(each.map((one) => [P.range(one.own), storageOf(one.P)]));
    return grown;
  }

  /** Leaves P of inputs in their places on the device, from states saved on the host. */
  async rebuild(inputs: readonly SavedInput[]): Promise<void> {
    for (const some of chunks(inputs, grownAtOnce(this.#width))) {
      const { bench, form } = this.#toolsFor(some.length);
      await form.rebuild(
        some.map(({ name }) => name),
        some.map(({ state }) => state),
      );
      await bench.copy(bench.places.map((own, i) => [bench.P.range(own), storageOf(some[i].P)]));
    }
  }

  /** Inputs that are measured together: a multiple of those that grow together, but for the last group. */
  *#groups(inputs: readonly GrowingInput[]): Generator<readonly [GrowingInput[], InputMeasurements]> {
    const atOnce = grownAtOnce(this.#width);
    for (const group of chunks(inputs, atOnce * Math.ceil(MEASURED_AT_ONCE / atOnce))) {
      const measurements = new InputMeasurements(this.#device, group, this.#width, !this.#isFirst);
      try {
        yield [group, measurements];
      } finally {
        measurements.destroy();
      }
    }
  }

  #toolsFor(count: number): Tools {
    if (this.#tools?.count === count) return this.#tools;
    this.destroy();
    const [plan, bench] = [this.#plan, new SpaceWorkbench(this.#device, this.#width, count)];
    const form = plan.form === 'soft' ? new SoftGrowth(bench, plan) : new HardGrowth(bench, plan, this.#isFirst);
    return (this.#tools = { count, bench, form });
  }

  destroy(): void {
    this.#tools?.bench.destroy();
    this.#tools = undefined;
  }
}

function identity(n: number): Float32Array<ArrayBuffer> {
  const square = new Float32Array(n * n);
  for (let i = 0; i < n; i++) square[i * n + i] = 1;
  return square;
}
