import type { Device, Program } from '../../device/device.ts';
import { storageOf, type Tensor } from '../../graph/tensor.ts';
import type { PackedSymmetric } from '../../linear-algebra/packed-symmetric.ts';
import type { InputSpacePlan } from '../part/method-plan.ts';
import type { Between, GrowingInput, GrownInput, GrowthForm, PlaceInOrder } from './growth-form.ts';
import { HardGrowth } from './hard-growth.ts';
import type { Look } from './input-measurements.ts';
import { SoftGrowth } from './soft-growth.ts';
import { SpaceWorkbench } from './space-workbench.ts';

/** An input whose space was saved. */
export interface SavedInput {
  readonly name: string;
  readonly state: PackedSymmetric;
  /** Its place on the device. */
  readonly P: Tensor;
}

/**
 * Grows some spaces of inputs of one width together, and then others: docs/method.md, sections 4.2 and 4.3. What takes n³
 * operations is a product on the device, but for the eigenvalues of hard spaces.
 */
export class InputSpaceGrowth {
  /** Whether no task came before. */
  readonly #isFirst: boolean;
  readonly #bench: SpaceWorkbench;
  readonly #form: GrowthForm;

  /** @param count of spaces that grow together. */
  constructor(
    device: Device,
    plan: InputSpacePlan,
    n: number,
    readonly count: number,
    isFirst: boolean,
  ) {
    const bench = new SpaceWorkbench(device, n, count);
    this.#isFirst = isFirst;
    this.#bench = bench;
    this.#form = plan.form === 'soft' ? new SoftGrowth(bench, plan) : new HardGrowth(bench, plan, isFirst);
  }

  /** Compiles what takes most memory and time, for a plan. @returns the programs that {@link count} spaces take. */
  prepare(): Promise<Program[]> {
    return this.#form.prepare();
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
    const grown = await this.#form.grow(each, place, between);
    await bench.copy(each.map((one) => [P.range(one.own), storageOf(one.P)]));
    return grown;
  }

  /** Leaves P of some inputs in their places on the device, from states saved on the host. */
  async rebuild(inputs: readonly SavedInput[]): Promise<void> {
    const { P, places } = this.#bench;
    await this.#form.rebuild(
      inputs.map(({ name }) => name),
      inputs.map(({ state }) => state),
    );
    await this.#bench.copy(places.map((own, i) => [P.range(own), storageOf(inputs[i].P)]));
  }

  destroy(): void {
    this.#bench.destroy();
  }
}

function identity(n: number): Float32Array<ArrayBuffer> {
  const square = new Float32Array(n * n);
  for (let i = 0; i < n; i++) square[i * n + i] = 1;
  return square;
}
