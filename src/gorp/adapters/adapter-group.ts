import { GorpError } from '../../base/errors.ts';
import { mixSeed, seededRandom } from '../../base/random.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { runOnce } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { addInto, type Drop, dropout } from '../../graph/ops/elementwise.ts';
import { embedding } from '../../graph/ops/embedding.ts';
import { lowRank } from '../../graph/ops/low-rank.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { scaleBlocks } from '../../graph/ops/scale-blocks.ts';
import { plainTensor, type StoredTensor, storeTensor, type Tensor } from '../../graph/tensor.ts';
import type { PairScales } from '../part/part.ts';
import {
  columnSlice,
  concatColumns,
  type Matrix,
  matrix,
  multiply,
  multiplyTranspose,
  subtract,
} from '../../linear-algebra/matrix.ts';
import { Stack } from '../part/stack.ts';
import {
  adapterTensor,
  frozenTensor,
  readSaved,
  restoreTensors,
  type SavedTensors,
  type StateTensor,
  weightTensor,
} from '../part/state.ts';

/** A [r, in] and B [out, r]. */
interface Pair {
  readonly A: Matrix;
  readonly B: Matrix;
}

/**
 * LoRA adapters of layers of one shape: the new pair, trained, and the frozen pairs of earlier tasks. Once all pairs
 * take more numbers than the weights, they are folded into these, and from then on after every task: what is stored
 * and what a step computes stop growing.
 */
export class AdapterGroup {
  readonly #device: Device;
  readonly #folds: boolean;

  /** A [n, r, in] and B [n, out, r] of the pair in training. */
  readonly A: Stack;
  readonly B: Stack;
  /** Pairs of earlier tasks one after another, A_prev [(t−1) r, in] and B_prev [out, (t−1) r], on the host. */
  readonly previous = new Map<string, Pair>();
  #previousOnGpu = new Map<string, { A: Tensor; B: Tensor }>();
  #owned: OwnedBuffer[] = [];
  /** W + s B A of all folded pairs [n, out, in]; undefined if none are. */
  #folded: Stack | undefined;
  /** Whether A and B hold a pair: not after it was folded, until the next task. */
  #hasOwn = true;

  /**
   * @param names layers, without `.weight`, all [out, in].
   * @param folds whether pairs may be folded: nothing reads those of earlier tasks one by one.
   */
  constructor(
    device: Device,
    readonly names: readonly string[],
    readonly out: number,
    readonly inputs: number,
    readonly rank: number,
    folds: boolean,
  ) {
    this.#device = device;
    this.#folds = folds;
    this.A = new Stack(device, 'trained', 'lora_A', names, rank, inputs);
    this.B = new Stack(device, 'trained', 'lora_B', names, out, rank);
  }

  /**
   * A fresh pair: A ~ U(−1/√in, 1/√in) (Kaiming uniform with a = √5), B = 0: docs/method.md, eq. (2).
   *
   * @param inputSpace S [in, k] per layer, removed from the fresh A: A ← A − A S Sᵀ.
   */
  reset(seed: number, inputSpace?: ReadonlyMap<string, Matrix>): void {
    const bound = 1 / Math.sqrt(this.inputs);
    for (const name of this.names) {
      const random = seededRandom(mixSeed(seed, 'lora_A', name));
      const values = Float64Array.from({ length: this.rank * this.inputs }, () => (2 * random.next() - 1) * bound);
      let A = matrix(this.rank, this.inputs, values);
      const S = inputSpace?.get(name);
      if (S !== undefined && S.columns > 0) A = subtract(A, multiplyTranspose(multiply(A, S), S));
      this.A.write(name, A);
    }
    this.B.clear();
    this.#hasOwn = true;
  }

  /** Freezes the trained pair and appends it to the earlier ones: docs/method.md, eq. (3). Waits for the GPU. */
  async freeze(): Promise<void> {
    if (!this.#hasOwn) return;
    const [newA, newB] = [await this.A.read(), await this.B.read()];
    this.#destroyPrevious();
    for (const name of this.names) {
      const [A, B] = [newA.get(name) as Matrix, newB.get(name) as Matrix];
      const before = this.previous.get(name);
      const pair = before ? { A: stackRows(before.A, A), B: concatColumns(before.B, B) } : { A, B };
      this.#setPrevious(name, pair);
    }
  }

  #setPrevious(name: string, pair: Pair): void {
    this.previous.set(name, pair);
    const upload = (label: string, m: Matrix): StoredTensor => {
      const tensor = this.#make(label, m.rows, m.columns);
      this.#device.write(tensor.storage.buffer, 0, Float32Array.from(m.data));
      return tensor;
    };
    this.#previousOnGpu.set(name, { A: upload(`${name} A_prev`, pair.A), B: upload(`${name} B_prev`, pair.B) });
  }

  /** Whether the pairs of this many tasks take more numbers than the weights. */
  #isTimeToFold(pairs: number): boolean {
    const { out, inputs, rank } = this;
    return this.#folds && pairs * rank * (out + inputs) > out * inputs;
  }

  #openFolded(): Stack {
    const { names, out, inputs } = this;
    return (this.#folded ??= new Stack(this.#device, 'trained', 'folded weights', names, out, inputs));
  }

  /**
   * Adds all pairs to the weights of the finished task's model when it is time: docs/method.md, eq. (3). Sums are f32.
   *
   * @param frozen W of a layer of the base model, f32 or packed.
   * @param scale s, the factor of B A.
   */
  async fold(frozen: (layer: string) => Tensor, scale: number): Promise<void> {
    const earlier = (this.previous.get(this.names[0])?.A.rows ?? 0) / this.rank;
    const isFirst = this.#folded === undefined;
    if (isFirst && !this.#isTimeToFold(earlier + 1)) return;
    const folded = this.#openFolded();
    const rows = storeTensor(this.#device, plainTensor('rows', [this.out], 'u32'), 'inputs');
    this.#device.write(
      rows.storage.buffer,
      rows.storage.offset,
      Uint32Array.from({ length: this.out }, (_, i) => i),
    );
    const g = new Graph();
    for (const name of this.names) {
      const into = folded.view(name, false);
      // Looked up row by row, W becomes f32 however it is packed.
      if (isFirst) addInto(g, embedding(g, frozen(name), rows), into, 1, 0);
      const own = { A: this.A.view(name, false), B: this.B.view(name, false) };
      for (const { A, B } of [this.#previousOnGpu.get(name), own].filter((pair) => pair !== undefined))
        matmul(g, B, A, { layout: 'nn', alpha: scale, into, accumulate: true });
    }
    try {
      await runOnce(this.#device, 'folded pairs', g);
    } finally {
      rows.storage.buffer.destroy();
    }
    this.#forgetPairs();
  }

  #forgetPairs(): void {
    this.#destroyPrevious();
    this.previous.clear();
    this.A.clear();
    this.B.clear();
    this.#hasOwn = false;
  }

  /** The weights of a layer with all folded pairs; undefined if there are none. */
  weight(name: string): Tensor | undefined {
    return this.#folded && { ...this.#folded.view(name, false), mayBeHalf: true };
  }

  /** The pairs of all tasks so far, of each layer: [A_prev; A] [R, in] and [B_prev, B] [out, R]; and folded weights. */
  state(training: boolean): StateTensor[] {
    return [
      ...(this.#folded?.parts(training ? 'earlier' : 'weights', weightTensor) ?? []),
      ...(training ? this.#stateWithin() : this.#stateBetween()),
    ];
  }

  /** The pair in training, which each step changes, and apart from it the frozen ones. */
  #stateWithin(): StateTensor[] {
    return this.names.flatMap((name): StateTensor[] =>
      (['A', 'B'] as const).flatMap((side): StateTensor[] => {
        const [own, frozen] = [this[side], this.previous.get(name)?.[side]];
        const tensor = adapterTensor(name, `lora_${side}`);
        const { rows, columns } = own;
        const all: StateTensor[] = [
          { name: tensor, place: 'adapter', dtype: 'F32', rows, columns, read: () => own.readOne(name) },
        ];
        if (frozen === undefined) return all;
        const read = (): Promise<Float32Array<ArrayBuffer>> => Promise.resolve(Float32Array.from(frozen.data));
        const size = { rows: frozen.rows, columns: frozen.columns };
        return [...all, { name: frozenTensor(tensor), place: 'earlier', dtype: 'F32', ...size, read }];
      }),
    );
  }

  /** The pairs of all tasks as one, as PEFT reads them. */
  #stateBetween(): StateTensor[] {
    if (!this.#hasOwn) return [];
    const { out, inputs, rank } = this;
    return this.names.flatMap((name): StateTensor[] => {
      const previous = this.previous.get(name);
      const R = rank + (previous?.A.rows ?? 0);
      const read =
        (own: Stack, join: (before: Matrix, own: Matrix) => Matrix, before?: Matrix) =>
        async (): Promise<Float32Array<ArrayBuffer>> => {
          const values = await own.readOne(name);
          if (before === undefined) return values;
          return Float32Array.from(join(before, matrix(own.rows, own.columns, values)).data);
        };
      const shared = { place: 'adapter', dtype: 'F32' } as const;
      const [A, B] = [adapterTensor(name, 'lora_A'), adapterTensor(name, 'lora_B')];
      return [
        { name: A, ...shared, rows: R, columns: inputs, read: read(this.A, stackRows, previous?.A) },
        { name: B, ...shared, rows: out, columns: R, read: read(this.B, concatColumns, previous?.B) },
      ];
    });
  }

  /**
   * Restores the pairs of all tasks so far; the last is the pair in training. If they were folded, only that one is left,
   * and between tasks none.
   *
   * @param pairs how many tasks had one.
   * @param training whether {@link state} was saved within a task.
   * @throws GorpError `run/state-does-not-fit`, `run/adapters-folded`.
   */
  async restore(saved: SavedTensors, pairs: number, training: boolean): Promise<void> {
    const { out, inputs, rank } = this;
    const isFolded = saved.names.includes(weightTensor(this.names[0]));
    if (isFolded && !this.#folds) throw readsFolded();
    if (isFolded) await restoreTensors(this.#openFolded().parts('weights', weightTensor), saved);
    if (isFolded && !training) {
      this.#forgetPairs();
      return;
    }
    const before = isFolded ? 0 : rank * (pairs - 1);
    const read = async (r: number, nameOf: (tensor: string) => string, layer: string): Promise<Pair> => {
      const [A, B] = [nameOf(adapterTensor(layer, 'lora_A')), nameOf(adapterTensor(layer, 'lora_B'))];
      return {
        A: matrix(r, inputs, await readSaved(saved, { name: A, rows: r, columns: inputs })),
        B: matrix(out, r, await readSaved(saved, { name: B, rows: out, columns: r })),
      };
    };
    const whole = (tensor: string): string => tensor;
    for (const name of this.names) {
      if (training) {
        if (before > 0) this.#setPrevious(name, await read(before, frozenTensor, name));
        const own = await read(rank, whole, name);
        this.A.write(name, own.A);
        this.B.write(name, own.B);
        continue;
      }
      const all = await read(before + rank, whole, name);
      if (before > 0) this.#setPrevious(name, { A: firstRows(all.A, before), B: columnSlice(all.B, 0, before) });
      this.A.write(name, Float32Array.from(all.A.data.subarray(before * inputs)));
      this.B.write(name, columnSlice(all.B, before, before + rank));
    }
  }

  /** Allocates memory for the pairs of this many earlier tasks without writing to it, for a memory plan. */
  reserve(earlier: number): void {
    this.#destroyPrevious();
    if (this.#isTimeToFold(earlier)) this.#openFolded();
    if (earlier === 0 || this.#folded) return;
    const rank = earlier * this.rank;
    for (const name of this.names) {
      const pair = {
        A: this.#make(`${name} A_prev`, rank, this.inputs),
        B: this.#make(`${name} B_prev`, this.out, rank),
      };
      this.#previousOnGpu.set(name, pair);
    }
  }

  #make(name: string, rows: number, columns: number): StoredTensor {
    const tensor = storeTensor(this.#device, plainTensor(name, [rows, columns]), 'trained');
    this.#owned.push(tensor.storage.buffer);
    return tensor;
  }

  /** Bytes of the frozen pairs on the GPU. */
  get previousBytes(): number {
    return this.#owned.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** A_prev of a layer on the GPU, [(t−1) r, in]; undefined in the first task. */
  previousA(name: string): Tensor | undefined {
    return this.#previousOnGpu.get(name)?.A;
  }

  /**
   * y + s (d(x) A_prevᵀ) B_prevᵀ + s (d(x) Aᵀ) Bᵀ with one dropout mask for both terms.
   *
   * @param pair the new pair as tensors of this graph; null for the model without it.
   * @param drop dropout of this layer; undefined in evaluation.
   * @param onInner receives the output of the new A, [..., r].
   * @param scales of the output of each pair for each example (docs/method.md, eq. (31)); undefined for none.
   */
  apply(
    g: Graph,
    name: string,
    x: Tensor,
    y: Tensor,
    pair: { A: Tensor; B: Tensor } | null,
    scale: number,
    drop?: Drop,
    onInner?: (h: Tensor) => void,
    scales?: PairScales,
  ): Tensor {
    const pairs = [this.#previousOnGpu.get(name), pair].filter((one) => one != null);
    if (pairs.length === 0) return y;
    if (scales === undefined) {
      const { sum, h } = lowRank(g, { x, y, pairs, alpha: scale, drop });
      if (pair) onInner?.(h);
      return sum;
    }
    const dropped = drop ? dropout(g, x, drop) : x; // [..., in]
    let sum = y; // [..., out]
    for (const { A, B } of pairs) {
      const h = matmul(g, dropped, A, { layout: 'nt' }); // [..., r]
      const factors = A === pair?.A ? scales.own : scales.previous;
      const counted = factors ? scaleBlocks(g, h, factors) : h;
      sum = matmul(g, counted, B, { layout: 'nt', alpha: scale, addend: sum }); // [..., out]
      if (A === pair?.A) onInner?.(h);
    }
    return sum;
  }

  #destroyPrevious(): void {
    for (const buffer of this.#owned) buffer.destroy();
    this.#owned = [];
    this.#previousOnGpu = new Map();
  }

  destroy(): void {
    this.A.destroy();
    this.B.destroy();
    this.#folded?.destroy();
    this.#destroyPrevious();
  }
}

const readsFolded = (): GorpError =>
  new GorpError(
    'run/adapters-folded',
    'The adapters of what this model was taught have become part of its weights, but this method reads each of them.',
    'Teach it with the method that taught it last, or go back to a model from before its adapters outgrew the weights.',
  );

function stackRows(a: Matrix, b: Matrix): Matrix {
  const joined = matrix(a.rows + b.rows, a.columns);
  joined.data.set(a.data);
  joined.data.set(b.data, a.data.length);
  return joined;
}

const firstRows = ({ columns, data }: Matrix, rows: number): Matrix =>
  matrix(rows, columns, data.subarray(0, rows * columns));
