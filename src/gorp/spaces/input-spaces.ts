import type { BatchSizes } from '../../base/batch.ts';
import { chunks } from '../../base/statistics.ts';
import { inputBytes } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { runOnce } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { addInto } from '../../graph/ops/elementwise.ts';
import { matmulEach } from '../../graph/ops/matmul.ts';
import { innerProduct, trace } from '../../graph/ops/square-measures.ts';
import { plainTensor, type StoredTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import { type Matrix, matrix } from '../../linear-algebra/matrix.ts';
import { packedLength, type PackedSymmetric } from '../../linear-algebra/packed-symmetric.ts';
import type { MeasuredGroup } from '../part/layer-statistics.ts';
import { compensation, type InputSpacePlan, type MomentSpacePlan } from '../part/method-plan.ts';
import type {
  CovarianceSum,
  DistinctInput,
  EndedTask,
  MeasuringOf,
  NamedGrowth,
  Part,
  PlannedGrowth,
  RateFactors,
  ReadInputs,
  Reservation,
  Reserved,
} from '../part/part.ts';
import { Stack } from '../part/stack.ts';
import { readSaved, type SavedProgress, type SavedTensors, type StateTensor } from '../part/state.ts';
import { directionsToSave, type GroupSpace, savedDirections, spaceName } from '../part/trainable-group.ts';
import { DenseSpace, type ExcludedSpace, type SpaceMeters } from '../part/update.ts';
import { InputCovariances } from './covariances.ts';
import { addDirections, storedDirections } from './directions.ts';
import type { GrowingInput, LearnedInput, PlaceInOrder } from './growth-form.ts';
import { InputSpaceGrowth, type SavedInput } from './input-space-growth.ts';
import { namedGrowths } from './space-growth.ts';
import { grownAtOnce } from './space-workbench.ts';

/** Bytes that the matrices of a stack may be apart beyond their size. */
const STACK_GAP = 256;

/**
 * Squares of f32 on the host at once while spaces grow, at most: of each its C, what is inverted and the next state. Of
 * hard ones the residual of each and two of f64, for the eigenvalues of one; then P, the next state, and both again.
 */
const squaresOfGrowth = (atOnce: number): number => 3 + 3 * atOnce;

/**
 * The spaces of the inputs of all trained layers (docs/method.md, sections 4.2 and 4.3). Layers that read the same input
 * (q and v, and every layer on the encoder's output) share one space. On the device it is the symmetric matrix P = I − S
 * Sᵀ, in f32; on the host what the next task adds to, as an upper triangle in f32: E of a soft space, P of a hard one.
 */
export class InputSpaces implements Part {
  readonly #device: Device;
  readonly plan: InputSpacePlan;
  #inputs: readonly DistinctInput[] = [];
  #measured: readonly MeasuredGroup[] = [];
  readonly #inputOf = new Map<string, DistinctInput>();
  /** P of inputs of one width, as many in a stack as a buffer holds. */
  #stacks: Stack[] = [];
  /** By the name of the input; absent before the first task, unless the base model is protected. */
  readonly states = new Map<string, PackedSymmetric>();
  /** Main directions [width, ≤ 16] of each learned task, by the name of the input, to compare tasks. */
  readonly directions = new Map<string, Matrix[]>();

  constructor(device: Device, plan: InputSpacePlan) {
    this.#device = device;
    this.plan = plan;
  }

  /** Says which inputs there are, before anything else. @param groups of all trained tensors. */
  define(inputs: readonly DistinctInput[], groups: readonly MeasuredGroup[]): void {
    this.#measured = groups;
    this.#inputs = inputs;
    for (const input of inputs) for (const name of input.names) this.#inputOf.set(name, input);
  }

  get inputs(): readonly DistinctInput[] {
    return this.#inputs;
  }

  /** The input that a layer reads. */
  inputOf(layer: string): DistinctInput {
    const found = this.#inputOf.get(layer);
    if (found === undefined) throw new Error(`the inputs of ${layer} are not known`);
    return found;
  }

  get isActive(): boolean {
    return this.#stacks.length > 0;
  }

  /** P of the input that a layer reads, [in, in]; undefined before the first space. */
  viewOf(layer: string): Tensor | undefined {
    const { name } = this.inputOf(layer);
    return this.#stackOf(name)?.view(name, false);
  }

  /** Reads P of the input that a layer reads, [in, in], to the host; waits for the device. */
  async read(layer: string): Promise<Matrix | undefined> {
    const { name, width } = this.inputOf(layer);
    const stack = this.#stackOf(name);
    return stack && matrix(width, width, await stack.readOne(name));
  }

  /** The part of the spaces that a group of layers excludes. */
  ofGroup(names: readonly string[], dimension: number): GroupSpace {
    const active = (): boolean => this.isActive;
    return {
      names,
      dimension,
      get isActive() {
        return active();
      },
      excluded: (meters) => this.#excluded(names, meters),
    };
  }

  #excluded(names: readonly string[], meters: SpaceMeters | undefined): ExcludedSpace | undefined {
    const P = names.map((name) => this.viewOf(name)).filter((view) => view !== undefined);
    return P.length > 0 ? { space: new DenseSpace(P), project: this.plan.project, meters } : undefined;
  }

  reserve({ spaces, isProtected }: Reservation): void {
    this.allocate(spaces > 0 || isProtected);
  }

  /** Allocates memory for the spaces, as after a task, or frees it. */
  allocate(isAfterTask: boolean): void {
    for (const stack of this.#stacks) stack.destroy();
    this.#stacks = [];
    if (!isAfterTask) return;
    for (const width of this.#widths) {
      const names = this.#inputs.filter((input) => input.width === width).map(({ name }) => name);
      const most = Math.max(1, Math.floor(this.#device.limits.buffer / (4 * width * width + STACK_GAP)));
      for (const some of chunks(names, most)) {
        this.#stacks.push(new Stack(this.#device, 'spaces', `space of inputs of ${width}`, some, width, width));
      }
    }
  }

  get #widths(): Set<number> {
    return new Set(this.#inputs.map(({ width }) => width));
  }

  #stackOf(input: string): Stack | undefined {
    return this.#stacks.find(({ names }) => names.includes(input));
  }

  /** Bytes of the upper triangles that the next task adds to. */
  get storedBytes(): number {
    return 4 * [...this.states.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Maximum bytes of {@link states} and {@link directions}. */
  savedBytes(tasks: number): number {
    const directions = storedDirections(tasks);
    return this.#inputs.reduce((sum, { width }) => sum + 4 * (packedLength(width) + directions * width), 0);
  }

  /** Maximum bytes on the host: {@link savedBytes}, and what takes most while spaces grow. */
  hostBytes(tasks: number): number {
    const growth = [...this.#widths].map((width) => {
      const count = this.#inputs.filter((input) => input.width === width).length;
      return squaresOfGrowth(Math.min(count, grownAtOnce(width))) * 4 * width ** 2;
    });
    return this.savedBytes(tasks) + Math.max(0, ...growth);
  }

  async *reserveMeasuring(
    { device, network, model }: MeasuringOf,
    sizes: readonly BatchSizes[],
  ): AsyncGenerator<Reserved> {
    const sums = new InputCovariances(device, network, model);
    const before = inputBytes(device);
    await sums.prepare(sizes);
    const readInputs = inputBytes(device) - before;
    this.allocate(true);
    const [read] = sums.programs;
    for await (const growth of this.reserveGrowth(sums.sums)) {
      yield { largestBytes: sums.largestBytes, spaces: { read, readInputs, growth } };
    }
    sums.destroy();
  }

  /** Takes the memory in which spaces grow, one width after another, for a memory plan. */
  async *reserveGrowth(sums: readonly CovarianceSum[]): AsyncGenerator<PlannedGrowth> {
    for (const width of this.#widths) {
      const growth = new InputSpaceGrowth(this.#device, this.plan, width, false);
      try {
        yield* growth.reserve(this.#growing(sums, width));
      } finally {
        growth.destroy();
      }
    }
  }

  /** The inputs of a width, with C, P and state. */
  #growing(sums: readonly CovarianceSum[], width: number): GrowingInput[] {
    return sums
      .filter(({ tensor }) => tensor.shape[0] === width)
      .map(({ tensor, names }) => {
        const { name } = this.inputOf(names[0]);
        return { name, sum: tensor, P: this.#placeOf(name), state: this.states.get(name) };
      });
  }

  /**
   * Grows every space by the inputs of a finished task.
   *
   * @param sums XᵀX of each input on the device.
   * @param place the finished task, counted from 1, and the number of tasks in the order.
   * @returns by the name of the input.
   * @throws GorpError `run/not-finite`, with the layer's name.
   */
  async grow(
    sums: readonly CovarianceSum[],
    place: PlaceInOrder,
    onPart: ReadInputs['onPart'],
  ): Promise<Map<string, LearnedInput>> {
    const learned = await this.#grown(sums, place, onPart);
    for (const [name, { state, directions }] of learned) {
      this.states.set(name, state);
      this.directions.set(name, addDirections(this.directions.get(name) ?? [], directions));
    }
    return learned;
  }

  /**
   * Puts into every space the inputs of examples that are not learned, before the first task. They have no place among
   * the tasks that are compared.
   */
  async protect({ sums, onPart }: ReadInputs): Promise<void> {
    const grown = await this.#grown(sums, { task: 1, tasks: 1 }, onPart);
    for (const [name, { state }] of grown) this.states.set(name, state);
  }

  /** Whether the rates of the new task depend on how much of its inputs lies outside the spaces. */
  get readsInputsAtBegin(): boolean {
    return this.plan.taskRates === 'compensated' && this.isActive;
  }

  /** Factors of the learning rates that make up for what the spaces remove ({@link compensation}). */
  async beginWithInputs(sums: readonly CovarianceSum[]): Promise<RateFactors | undefined> {
    if (this.plan.taskRates !== 'compensated') return undefined;
    const shares = await this.sharesOutside(sums);
    const factor = (part: MeasuredGroup['part']): number =>
      compensation(
        this.#measured
          .filter((group) => group.part === part)
          .flatMap(({ layers }) => layers.names.map((name) => shares.get(this.inputOf(name).name) ?? 1)),
      );
    return [factor('lora'), factor('full-rank')];
  }

  async endWithInputs(
    { task, tasks }: EndedTask,
    { sums, onPart }: ReadInputs,
    isProtected: boolean,
  ): Promise<NamedGrowth[]> {
    const rises = this.plan.form === 'hard' && this.plan.rises;
    const place = { task: task + Number(isProtected), tasks: rises ? tasks() + Number(isProtected) : 1 };
    return namedGrowths(this, this.#measured, await this.grow(sums, place, onPart));
  }

  async #grown(
    sums: readonly CovarianceSum[],
    place: PlaceInOrder,
    onPart: ReadInputs['onPart'],
  ): Promise<Map<string, LearnedInput>> {
    const learned = new Map<string, LearnedInput>();
    const isFirst = !this.isActive;
    if (isFirst) this.allocate(true);
    for (const width of this.#widths) {
      const growth = new InputSpaceGrowth(this.#device, this.plan, width, isFirst);
      try {
        const inputs = this.#growing(sums, width);
        const { size } = learned;
        const grown = await growth.grow(inputs, place, (done) => onPart(size + done));
        for (const [i, { name }] of inputs.entries()) learned.set(name, grown[i]);
      } finally {
        growth.destroy();
      }
    }
    return learned;
  }

  /** The place of P of an input, which has been reserved. */
  #placeOf(input: string): Tensor {
    const stack = this.#stackOf(input);
    if (stack === undefined) throw new Error(`the space of ${input} has no place`);
    return stack.view(input, false);
  }

  /** Computes P of all inputs from {@link states}, for a learner that resumes. */
  async rebuild(): Promise<void> {
    if (this.states.size === 0) return;
    this.allocate(true);
    for (const width of this.#widths) {
      const growth = new InputSpaceGrowth(this.#device, this.plan, width, true);
      const saved = this.#inputs.flatMap(({ name, width: own }): SavedInput[] => {
        const state = this.states.get(name);
        return own === width && state ? [{ name, state, P: this.#placeOf(name) }] : [];
      });
      try {
        await growth.rebuild(saved);
      } finally {
        growth.destroy();
      }
    }
  }

  /** The share of each input's energy outside its space, by the name of the input: tr(P C) / tr C; 1 without energy. */
  async sharesOutside(sums: readonly CovarianceSum[]): Promise<Map<string, number>> {
    const found = this.#numbers('shares outside', 2 * sums.length);
    const g = new Graph();
    for (const [i, { tensor, names }] of sums.entries()) {
      const P = this.viewOf(names[0]);
      trace(g, tensor, found, 2 * i);
      if (P) innerProduct(g, P, tensor, found, 2 * i + 1);
    }
    try {
      await runOnce(this.#device, 'shares outside', g);
      const values = new Float32Array(await this.#device.read(found.storage));
      return new Map(
        sums.map(({ names }, i) => {
          const [all, outside] = values.subarray(2 * i, 2 * i + 2);
          return [this.inputOf(names[0]).name, all > 0 ? Math.min(1, outside / all) : 1];
        }),
      );
    } finally {
      found.storage.buffer.destroy();
    }
  }

  /** A ← A P for every matrix of a stack [n, r, in]: docs/method.md, eq. (7). */
  async projectOut(A: Stack): Promise<void> {
    const P = A.names.map((name) => this.viewOf(name)).filter((view) => view !== undefined);
    if (P.length === 0) return;
    const g = new Graph();
    addInto(g, matmulEach(g, A.tensor, P), A.tensor, 1, 0);
    await runOnce(this.#device, 'fresh adapters outside spaces', g);
  }

  #numbers(label: string, count: number): StoredTensor {
    return storeTensor(this.#device, plainTensor(label, [Math.max(1, count)]), 'inputs');
  }

  state(): StateTensor[] {
    return [
      ...[...this.states].map(([name, packed]): StateTensor => {
        const read = (): Promise<PackedSymmetric> => Promise.resolve(packed);
        return { name: spaceName(name), place: 'earlier', dtype: 'F32', rows: 1, columns: packed.length, read };
      }),
      ...directionsToSave(this.directions),
    ];
  }

  async restore(saved: SavedTensors, { task, training, isProtected }: SavedProgress): Promise<void> {
    const tasks = training ? task - 1 : task;
    if (tasks === 0 && !isProtected) return;
    for (const { name, width } of this.#inputs) {
      const size = { rows: 1, columns: packedLength(width) };
      this.states.set(name, await readSaved(saved, { name: spaceName(name), ...size }));
      this.directions.set(name, await savedDirections(saved, name, width, tasks));
    }
    await this.rebuild();
  }

  destroy(): void {
    this.allocate(false);
  }
}

/** Where the space of a group comes from: the spaces of all inputs, or first moments of its own; null for no space. */
export type SpaceSource = InputSpaces | MomentSpacePlan | null;
