import type { Batch } from '../base/batch.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { consolidated } from '../gorp/importance/importance-part.ts';
import type { TaskData } from '../gorp/learner/task.ts';
import {
  GATE_EPSILON,
  GATE_SHARPNESS,
  adapterName,
  type AdapterPlan,
  compensation,
  frozenCount,
  type FullRankPlan,
  type InputSpacePlan,
  type MethodPlan,
  partOf,
  spaceOf,
  type SpacePlan,
  thresholdOf,
} from '../gorp/part/method-plan.ts';
import { growSpace, type SpaceGrowth } from '../gorp/spaces/space.ts';
import { Graph, type Numbers } from '../graph/graph.ts';
import { runOnCpu } from '../graph/on-device.ts';
import { activation, add, sumGradients } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { rmsNorm } from '../graph/ops/norm.ts';
import { scaleBlocks } from '../graph/ops/scale-blocks.ts';
import { storageOf, type Tensor } from '../graph/tensor.ts';
import {
  columnSlice,
  concatColumns,
  energy,
  type Matrix,
  matrix,
  multiply,
  transpose,
} from '../linear-algebra/matrix.ts';
import { orthonormaliseRows } from '../linear-algebra/orthonormal.ts';
import { svd } from '../linear-algebra/svd.ts';
import { type Layers, ofTokens } from '../models/layers.ts';
import type { Network, TrainingBatch } from '../models/network.ts';
import type { TargetModules } from '../models/targets.ts';
import { growSpaceFromCovariance, heldShare } from './input-space.ts';
import {
  keepRows,
  type ReferenceGroup,
  type ReferenceState,
  referenceState,
  referenceStep,
} from './reference-optimizer.ts';
import { growSoftSpace } from './soft-space.ts';
import { addPenalties, type Pair } from './reference-penalties.ts';
import { sideOfA } from './space-side.ts';

/** The weights of a task's gate by part: first [width, D], second [D, width], key [1, D]. */
export type Gate = ReadonlyMap<string, Matrix>;
const GATE_PARTS = ['first', 'second', 'key'];

/** A forward and backward pass: the loss, the gradients of trained weights, and the rows that layers read. */
interface Pass {
  loss: number;
  /** Gradients by key of {@link ReferenceLearner}: `W name`, `A name`, `B name`, `gate part`. */
  gradients: Map<string, Matrix>;
  /** Inputs of the trained layers, one token per row, without padding. */
  inputs: Map<string, Matrix>;
  /** Σ |output| over tokens of every row of A, and of the layer for B, by the keys of `gradients`, without padding. */
  magnitudes: Map<string, number[]>;
}

/**
 * A model that learns by a method on the CPU in f64, one tensor at a time, straight from the formulas of
 * docs/method.md, sections 2 to 4 and 7; the learner does the same in stacks on the GPU. The optimizer is {@link
 * referenceStep}; gradients come from the graph's references. Projections are exact, and there is no dropout.
 */
export class ReferenceLearner {
  readonly #device: Device;
  readonly #network: Network;
  readonly #plan: MethodPlan;
  readonly #targets: TargetModules;

  /** Full-rank weights by layer, and the trained adapter pairs. */
  readonly weights = new Map<string, Matrix>();
  readonly pairs = new Map<string, Pair>();
  readonly #frozen = new Map<string, Pair[]>();
  /** Where pairs are merged: the pair as the last task left it, and B as all tasks did. */
  readonly #trainedPairs = new Map<string, Pair>();
  readonly #merged = new Map<string, Matrix>();
  /** The current task's gate, if adapters have gates, and those of earlier tasks. */
  readonly gate = new Map<string, Matrix>();
  readonly #frozenGates: Gate[] = [];
  readonly #parameters = new Map<string, { shape: readonly number[]; values: Float64Array }>();
  readonly #tasks: number;
  readonly #spaces = new Map<string, Matrix>();
  /** Singular directions of a weight that the current task leaves alone. */
  readonly #frozenSides = new Map<string, { U: Matrix; V: Matrix }>();
  #states = new Map<string, ReferenceState>();
  #rateFactors = { lora: 1, full: 1 };
  #task = 0;
  /** Importances of adapters, and what they are pulled back to, by their names in a state. */
  #importances: ReadonlyMap<string, Matrix> = new Map();

  /** @param read values of a parameter by Hugging Face name. @param tasks number of tasks in the order. */
  static async create(
    device: Device,
    network: Network,
    plan: MethodPlan,
    targets: TargetModules,
    read: (name: string) => Promise<ArrayLike<number>>,
    tasks: number,
  ): Promise<ReferenceLearner> {
    const learner = new ReferenceLearner(device, network, plan, targets, tasks);
    for (const [name, shape] of network.shapes) {
      const values = Float64Array.from(await read(name));
      const layer = name.replace(/\.weight$/, '');
      if (partOf(plan, 'full-rank') && targets.fullRank.test(layer)) {
        learner.weights.set(layer, matrix(shape[0], shape[1], values));
      } else learner.#parameters.set(name, { shape, values });
    }
    return learner;
  }

  private constructor(device: Device, network: Network, plan: MethodPlan, targets: TargetModules, tasks: number) {
    this.#tasks = tasks;
    this.#device = device;
    this.#network = network;
    this.#plan = plan;
    this.#targets = targets;
  }

  /** The tensors that the method stores between tasks besides what it trains, by their names in a state. */
  get methodTensors(): ReadonlyMap<string, Matrix> {
    const others = [...this.#trainedPairs].map(([layer, { B }]) => [`method/other/${layer}.lora_B`, B] as const);
    return new Map([...this.#importances, ...others]);
  }

  get #adapters(): AdapterPlan | undefined {
    return partOf(this.#plan, 'adapters');
  }

  get #fullRank(): FullRankPlan | undefined {
    return partOf(this.#plan, 'full-rank');
  }

  get #space(): SpacePlan | undefined {
    return spaceOf(this.#plan);
  }

  /** The shared space of a layer's A or W, [dimension, k]; undefined before the first. */
  spaceOf(layer: string): Matrix | undefined {
    return this.#spaces.get(layer);
  }

  /**
   * @param fresh the pair from which each layer with adapters starts the task; its current one if one pair serves all
   * tasks.
   * @param sample as for {@link endTask}, but of the new task.
   * @param gate the gate from which the task starts; empty without gates.
   */
  async beginTask(fresh: ReadonlyMap<string, Pair>, sample: readonly Batch[], gate: Gate): Promise<void> {
    this.#states = new Map();
    this.#task++;
    if (this.gate.size > 0) this.#frozenGates.push(new Map(this.gate));
    for (const [part, weight] of gate) this.gate.set(part, weight);
    for (const [layer, pair] of fresh) {
      const before = this.pairs.get(layer);
      const isKept = this.#adapters?.pairs === 'per-task' && this.#plan.schedule !== 'apart';
      if (before && isKept) this.#frozen.set(layer, [...(this.#frozen.get(layer) ?? []), before]);
      if (before === undefined || this.#adapters?.pairs === 'per-task') this.pairs.set(layer, pair);
      const trained = this.#trainedPairs.get(layer);
      if (trained) {
        const A = { ...trained.A, data: trained.A.data.slice() };
        orthonormaliseRows(A);
        this.pairs.set(layer, { A, B: trained.B });
      }
    }
    const fullRank = this.#fullRank;
    if (fullRank?.form === 'adam' && fullRank.frozen) {
      for (const [layer, W] of this.weights) {
        const { u, v } = svd(W);
        const count = frozenCount(fullRank.frozen, Math.min(W.rows, W.columns), this.#task, this.#tasks);
        this.#frozenSides.set(layer, { U: columnSlice(u, 0, count), V: columnSlice(v, 0, count) });
      }
    }
    const plan = partOf(this.#plan, 'input-space');
    if (plan?.taskRates !== 'compensated') return;
    const covariances = await this.#covariances(sample);
    const factor = (layers: readonly string[]): number =>
      compensation(
        layers.flatMap((layer) => {
          const space = this.#spaces.get(layer);
          return space ? [1 - heldShare(space, covariances.get(layer) as Matrix)] : [];
        }),
      );
    this.#rateFactors = { lora: factor([...this.pairs.keys()]), full: factor([...this.weights.keys()]) };
  }

  /** X Xᵀ of every layer's inputs over a sample, with tokens as columns of X. */
  async #covariances(sample: readonly Batch[]): Promise<Map<string, Matrix>> {
    const passes = await Promise.all(sample.map((batch) => this.#pass(batch)));
    const layers = [...(passes[0]?.inputs.keys() ?? [])];
    const ofLayer = (layer: string): Matrix =>
      sumOf(passes.map(({ inputs }) => inputs.get(layer) as Matrix).map((X) => multiply(transpose(X), X)));
    return new Map(layers.map((layer) => [layer, ofLayer(layer)]));
  }

  /** One optimizer step. @returns the loss before it and the norm of all gradients before clipping. */
  async step(batch: Batch, maxGradNorm: number): Promise<{ loss: number; gradientNorm: number }> {
    const { loss, gradients, magnitudes } = await this.#pass(batch);
    for (const [layer, pair] of this.pairs) {
      const frozen = this.#frozen.get(layer) ?? [];
      addPenalties(
        { plan: this.#plan, task: this.#task, layer, pair, frozen, importances: this.#importances },
        gradients,
      );
    }
    const left = this.#rowsLeft(magnitudes);
    for (const [key, rows] of left) gradients.set(key, keepRows(gradients.get(key) as Matrix, rows));
    const gradientNorm = Math.sqrt([...gradients.values()].reduce((sum, G) => sum + energy(G), 0));
    const clip = Math.min(1, maxGradNorm / (gradientNorm + 1e-6)); // as torch.nn.utils.clip_grad_norm_
    for (const [key, G] of gradients) {
      const [part, layer] = key.split(' ');
      const rows = left.get(key);
      const own = this.#groupOf(part, layer);
      const { learningRate, weightDecay } = own;
      const group: ReferenceGroup = rows ? { kind: 'masked', learningRate, weightDecay, rows } : own;
      const weight = this.#trained(part, layer);
      const state = this.#states.get(key) ?? referenceState(weight.rows, weight.columns, group);
      const stepped = referenceStep(weight, scaled(G, clip), state, group);
      this.#states.set(key, stepped.state);
      if (part === 'W') this.weights.set(layer, stepped.weight);
      else if (part === 'gate') this.gate.set(layer, stepped.weight);
      else Object.assign(this.pairs.get(layer) as Pair, { [part]: stepped.weight });
    }
    return { loss, gradientNorm };
  }

  /** Updates the method's state and grows the spaces: docs/method.md, section 4. */
  async endTask({ sample, singles = [] }: TaskData): Promise<void> {
    const importance = partOf(this.#plan, 'importance');
    if (importance) {
      const adapters = [...this.pairs].flatMap(([layer, { A, B }]) => [
        [adapterName(layer, 'lora_A'), A] as const,
        [adapterName(layer, 'lora_B'), B] as const,
      ]);
      const squares = await this.#squares(singles);
      this.#importances = consolidated(this.#importances, squares, new Map(adapters), importance.decay);
    }
    if (partOf(this.#plan, 'merging')) this.#mergePairs();
    await this.#growGateSpaces(sample);
    const plan = this.#space;
    if (plan === undefined) return;
    const covariances = plan.part === 'input-space' ? await this.#covariances(sample) : new Map<string, Matrix>();
    const designed = this.#adapters?.design === 'inputs' ? [...this.pairs.keys()].map((layer) => `A ${layer}`) : [];
    for (const key of [...designed, ...this.#states.keys()].filter((one) => /^[AW] /.test(one))) {
      const [part, layer] = key.split(' ');
      const space = this.#spaces.get(layer) ?? null;
      if (plan.part === 'input-space') {
        this.#spaces.set(layer, this.#grown(space, covariances.get(layer) as Matrix, plan).space);
      } else {
        const { m } = this.#states.get(key) as ReferenceState;
        const { threshold } = plan;
        const moment = part === 'A' && plan.loraSpace === 'input' ? transpose(m) : m;
        this.#spaces.set(layer, growSpace({ space, moment, threshold }).space);
      }
    }
  }

  /** B_merged ← B_merged + (B − B_merged) / √t. */
  #mergePairs(): void {
    for (const [layer, { A, B }] of this.pairs) {
      const before = this.#merged.get(layer) ?? B;
      const data = B.data.map((value, i) => before.data[i] + (value - before.data[i]) / Math.sqrt(this.#task));
      this.#trainedPairs.set(layer, { A, B });
      this.#merged.set(layer, { ...B, data });
      this.pairs.set(layer, { A, B: { ...B, data } });
    }
  }

  /** Grows the space of what each part of the gate reads, from all prompts of the sample. */
  async #growGateSpaces(sample: readonly Batch[]): Promise<void> {
    const gates = partOf(this.#plan, 'gates');
    if (!gates) return;
    const threshold = thresholdOf({ ...gates, rises: true }, this.#task, this.#tasks);
    for (const [part, X] of await this.gateReads(sample)) {
      const space = this.#spaces.get(`gate ${part}`) ?? null;
      const moment = gates.energyOf === 'covariances' ? multiply(X, transpose(X)) : X;
      this.#spaces.set(`gate ${part}`, growSpace({ space, moment, threshold }).space);
    }
  }

  /** Returns the inputs of each part of the current gate, one prompt per column. */
  async gateReads(sample: readonly Batch[]): Promise<Map<string, Matrix>> {
    const means: Matrix[] = [];
    for (const rows of sample) {
      const owned: OwnedBuffer[] = [];
      const batch = this.#network.batch(this.#network.sizes(rows), owned);
      const [g, values] = [new Graph(), new Map<Tensor, Numbers>()];
      const mean = batch.promptMeans(g, this.#layers(g, values, new Map(), new Map(), new Map()));
      batch.write(rows);
      for (const tensor of new Set(g.operations.flatMap(({ inputs }) => inputs)))
        if (tensor.storage) values.set(tensor, await readValues(this.#device, tensor));
      const all = asMatrix(mean, runOnCpu(g, values));
      means.push(columnSlice(transpose(all), 0, rows.length));
      for (const buffer of owned) buffer.destroy();
    }
    const silu = (x: Matrix): Matrix => ({ ...x, data: x.data.map((v) => v / (1 + Math.exp(-v))) });
    const first = means.reduce(concatColumns);
    const second = silu(multiply(this.gate.get('first') as Matrix, first));
    const key = silu(multiply(this.gate.get('second') as Matrix, second));
    return new Map([['first', first], ['second', second], ['key', key]]); // oxfmt-ignore
  }

  #grown(space: Matrix | null, covariance: Matrix, plan: InputSpacePlan): SpaceGrowth {
    if (plan.form === 'soft') return growSoftSpace(space, covariance, plan, this.#task);
    const threshold = thresholdOf(plan, this.#task, this.#tasks);
    return plan.energyOf === 'covariances'
      ? growSpace({ space, moment: covariance, threshold })
      : growSpaceFromCovariance(space, covariance, threshold);
  }

  /** The mean over examples of (∂ log p / ∂θ)²; the loss is −log p divided by the number of label tokens. */
  async #squares(singles: readonly Batch[]): Promise<Map<string, Matrix>> {
    const sums = new Map<string, Matrix>();
    for (const one of singles) {
      const tokens = one[0].label.length;
      for (const [key, G] of (await this.#pass(one)).gradients) {
        const [part, layer] = key.split(' ');
        const name = adapterName(layer, part === 'A' ? 'lora_A' : 'lora_B');
        const squared = { ...G, data: G.data.map((value) => (tokens * value) ** 2 / singles.length) };
        const before = sums.get(name);
        sums.set(name, before ? sumOf([before, squared]) : squared);
      }
    }
    return sums;
  }

  /** The rows that a step trains, by key; empty if it trains all. */
  #rowsLeft(magnitudes: ReadonlyMap<string, readonly number[]>): Map<string, boolean[]> {
    const rowMask = partOf(this.#plan, 'row-mask');
    if (rowMask === undefined || this.#task === 1) return new Map();
    return new Map(
      [...magnitudes].map(([key, sums]) => {
        const below = Math.ceil(rowMask.share * (sums.length - 1));
        const bound = sums.toSorted((a, b) => a - b)[below];
        return [key, sums.map((sum) => sum >= bound)];
      }),
    );
  }

  #trained(part: string, layer: string): Matrix {
    if (part === 'gate') return this.gate.get(layer) as Matrix;
    return part === 'W' ? (this.weights.get(layer) as Matrix) : (this.pairs.get(layer) as Pair)[part as 'A' | 'B'];
  }

  #groupOf(part: string, layer: string): ReferenceGroup {
    const [adapters, fullRank, space] = [this.#adapters, this.#fullRank, this.#space];
    const { lora, full } = this.#rateFactors;
    const learningRate = part === 'W' ? full * (fullRank?.learningRate ?? 0) : lora * (adapters?.learningRate ?? 0);
    const rates = { learningRate, weightDecay: 0 };
    const projected = { space: this.#spaces.get(layer) ?? null, project: space?.project ?? 'gradient' };
    if (part === 'gate') {
      const own = { space: this.#spaces.get(`gate ${layer}`) ?? null, project: 'update' as const };
      return { ...rates, learningRate: lora * (adapters?.learningRate ?? 0), ...own, kind: 'lora', loraSpace: 'input' };
    }
    // A plain weight with a space of its inputs takes the same steps as A.
    const isPlain = part === 'W' && fullRank?.form === 'adam' && space !== undefined;
    if (part === 'A' || isPlain)
      return { ...rates, ...projected, kind: 'lora', loraSpace: space ? sideOfA(space) : 'rank' };
    const sides = part === 'W' ? this.#frozenSides.get(layer) : undefined;
    if (sides) return { ...rates, ...sides, kind: 'two-sided' };
    if (part === 'B' || fullRank?.form !== 'projected') return { ...rates, kind: 'regular' };
    const { rank, gap: updateProjGap, scale } = fullRank;
    const spaceSide = space?.part === 'input-space' ? 'input' : 'kept';
    return { ...rates, ...projected, kind: 'galore', rank, updateProjGap, scale, projType: 'std', spaceSide };
  }

  async #pass(rows: Batch): Promise<Pass> {
    const owned: OwnedBuffer[] = [];
    try {
      const batch = this.#network.batch(this.#network.sizes(rows), owned);
      batch.write(rows);
      const g = new Graph();
      const values = new Map<Tensor, Numbers>();
      const trained = new Map<Tensor, string>();
      const captured = new Map<string, Tensor>();
      const outputs = new Map<string, Tensor>();
      const layers = this.#layers(g, values, trained, captured, outputs);
      const { loss, objective } = this.#objective(g, batch, layers, values);
      const gradients = g.backward(objective, this.#network.one, sumGradients(g));
      for (const tensor of [...new Set(g.operations.flatMap(({ inputs }) => inputs)), ...countsOf(batch, captured)])
        if (tensor.storage) values.set(tensor, await readValues(this.#device, tensor));
      const valueOf = runOnCpu(g, values);
      return {
        loss: valueOf(loss)[0],
        gradients: new Map([...trained].map(([tensor, key]) => [key, asMatrix(gradients.get(tensor), valueOf)])),
        inputs: new Map(
          [...captured].map(([name, x]) => [
            name,
            ofExamples(asMatrix(x, valueOf), valueOf(batch.counts(name).counts)),
          ]),
        ),
        magnitudes: new Map(
          [...outputs].map(([key, y]) => {
            const { counts } = batch.counts(key.split(' ')[1]);
            return [key, columnMagnitudes(ofExamples(asMatrix(y, valueOf), valueOf(counts)))];
          }),
        ),
      };
    } finally {
      for (const buffer of owned) buffer.destroy();
    }
  }

  /** The cross-entropy, plus α τ² KL(teacher ‖ model) if the method uses it; the teacher lacks the new pair, or all. */
  #objective(
    g: Graph,
    batch: TrainingBatch,
    layers: Layers,
    values: Map<Tensor, Numbers>,
  ): { loss: Tensor; objective: Tensor } {
    const term = partOf(this.#plan, 'distillation');
    if (term === undefined || (term.teacher === 'before' && this.#frozen.size === 0)) {
      const loss = batch.loss(g, layers);
      return { loss, objective: loss };
    }
    const teacher = this.#layers(
      g,
      values,
      new Map(),
      new Map(),
      new Map(),
      term.teacher === 'base' ? 'none' : 'earlier',
    );
    const { loss, divergence } = batch.distilled(g, layers, teacher, term);
    return { loss, objective: add(g, loss, divergence, 1, term.weight * term.temperature ** 2) };
  }

  /** y = x Wᵀ + s Σ (x A_iᵀ) B_iᵀ over the frozen pairs and the trained one. */
  #layers(
    g: Graph,
    values: Map<Tensor, Numbers>,
    trained: Map<Tensor, string>,
    captured: Map<string, Tensor>,
    outputs: Map<string, Tensor>,
    acting: 'all' | 'earlier' | 'none' = 'all',
  ): Layers {
    const known = new Map<string, Tensor>();
    const place = (key: string, shape: readonly number[], data: Float64Array, trainable: boolean): Tensor => {
      const tensor = known.get(key) ?? g.persistent(key, shape, { trainable });
      known.set(key, tensor);
      values.set(tensor, data);
      if (trainable) trained.set(tensor, key);
      return tensor;
    };
    const ofMatrix = (key: string, { rows, columns, data }: Matrix, trainable: boolean): Tensor =>
      place(key, [rows, columns], data, trainable);
    const parameter: Layers['parameter'] = (name) => {
      const layer = name.replace(/\.weight$/, '');
      const W = this.weights.get(layer);
      if (W) return ofMatrix(`W ${layer}`, W, true);
      const { shape, values: data } = this.#parameters.get(name) as { shape: readonly number[]; values: Float64Array };
      return place(name, shape, data, false);
    };
    const { alpha, rank } = this.#adapters ?? { alpha: 0, rank: 1 };
    const scale = alpha / rank;
    const linearWith =
      (gates?: readonly Tensor[]): Layers['linear'] =>
      (graph, name, x, addend) => {
        if (this.weights.has(name) || this.#targets.lora.test(name)) captured.set(name, x);
        let y = matmul(graph, x, parameter(`${name}.weight`), { layout: 'nt', addend });
        const addPair = (A: Tensor, B: Tensor, gate?: Tensor): void => {
          const h = matmul(graph, x, A, { layout: 'nt' }); // [..., r]
          y = matmul(graph, gate ? scaleBlocks(graph, h, gate) : h, B, { layout: 'nt', alpha: scale, addend: y }); // [..., out]
          outputs.set(`A ${name}`, h).set(`B ${name}`, y); // of the last pair, which is trained
        };
        const frozen = acting === 'none' ? [] : (this.#frozen.get(name) ?? []);
        for (const [i, { A, B }] of frozen.entries())
          addPair(ofMatrix(`frozen A${i} ${name}`, A, false), ofMatrix(`frozen B${i} ${name}`, B, false), gates?.[i]);
        const pair = acting === 'all' ? this.pairs.get(name) : undefined;
        if (pair)
          addPair(
            ofMatrix(`A ${name}`, pair.A, this.#adapters?.design === 'random'),
            ofMatrix(`B ${name}`, pair.B, true),
            gates?.at(-1),
          );
        return y;
      };
    const linear = linearWith();
    if (this.gate.size === 0) return { parameter, linear };
    /** |2 sigmoid(4 cos(silu(G₂ silu(G₁ p)), key)) − 1|, one gate at a time. */
    const gateOf = (prompts: Tensor, weights: Gate, task: number): Tensor => {
      const isOwn = task === this.#frozenGates.length;
      const [first, second, key] = GATE_PARTS.map((part) =>
        ofMatrix(isOwn ? `gate ${part}` : `gate ${part} ${task}`, weights.get(part) as Matrix, isOwn),
      );
      const ones = place('ones', [key.shape[1]], new Float64Array(key.shape[1]).fill(1), false);
      const hidden = activation(g, 'silu', matmul(g, prompts, first, { layout: 'nt' }));
      const last = activation(g, 'silu', matmul(g, hidden, second, { layout: 'nt' }));
      const [x, k] = [last, key].map((one) => rmsNorm(g, one, ones, GATE_EPSILON));
      return activation(g, 'abs_tanh_half', matmul(g, x, k, { layout: 'nt', alpha: GATE_SHARPNESS / key.shape[1] }));
    };
    const byPrompt: Layers['byPrompt'] = (_, prompts) => {
      const gates = [...this.#frozenGates, this.gate].map((weights, task) => gateOf(prompts, weights, task));
      return (rowOf) => ({
        parameter,
        linear: linearWith(rowOf ? gates.map((gate) => ofTokens(g, gate, rowOf)) : gates),
      });
    };
    return { parameter, linear, byPrompt };
  }
}

const columnMagnitudes = ({ rows, columns, data }: Matrix): number[] =>
  Array.from({ length: columns }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += Math.abs(data[i * columns + j]);
    return sum;
  });

const countsOf = (batch: TrainingBatch, captured: ReadonlyMap<string, Tensor>): Tensor[] =>
  [...captured.keys()].map((name) => batch.counts(name).counts);

async function readValues(device: Device, tensor: Tensor): Promise<Numbers> {
  const bytes = await device.read(storageOf(tensor));
  const types = { f32: Float32Array, i32: Int32Array, u32: Uint32Array };
  const values = new types[tensor.dtype](bytes, 0, tensor.elements);
  return values instanceof Float32Array ? Float64Array.from(values) : values;
}

/** A tensor [..., columns] as a matrix. */
function asMatrix(tensor: Tensor | undefined, valueOf: (tensor: Tensor) => Numbers): Matrix {
  if (tensor === undefined) throw new Error('The loss does not depend on a trained weight.');
  const columns = tensor.shape[tensor.shape.length - 1];
  return matrix(tensor.elements / columns, columns, valueOf(tensor));
}

const scaled = (a: Matrix, factor: number): Matrix => ({ ...a, data: a.data.map((value) => value * factor) });

const sumOf = (all: readonly Matrix[]): Matrix =>
  all.reduce((sum, one) => ({ ...sum, data: sum.data.map((value, i) => value + one.data[i]) }));

/** Each row as often as examples share it. */
function ofExamples(x: Matrix, counts: Numbers): Matrix {
  const rows = Array.from(counts.keys()).flatMap((row) => new Array<number>(counts[row]).fill(row));
  const left = rows.map((row) => matrix(x.columns, 1, x.data.subarray(row * x.columns, (row + 1) * x.columns)));
  return transpose(left.reduce((sum, column) => concatColumns(sum, column), matrix(x.columns, 0)));
}
