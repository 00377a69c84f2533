import type { BatchSizes } from '../../base/batch.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { Arena } from '../../graph/arena.ts';
import { compile, type Compiled, type Recording, reserve } from '../../graph/compile.ts';
import { Graph, recomputeBlocks } from '../../graph/graph.ts';
import { addInto, sumGradients } from '../../graph/ops/elementwise.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { placeIn, storageOf, type Tensor } from '../../graph/tensor.ts';
import type { Half } from '../../linear-algebra/block-power.ts';
import { type Layers, ofTokens } from '../../models/layers.ts';
import type { Network, TrainingBatch } from '../../models/network.ts';
import type { LayerPass, LayerUses, Objective, PairScales, Part, TrainedModel } from './part.ts';

/**
 * The current layers of a model, with what the parts of the method add (docs/method.md, eq. (1)). For a graph that
 * trains nothing, the pairs of fast projections must have been merged into the weights, unless `unmerged` adds them.
 */
export function trainedLayers({ parameters, parts, meters }: TrainedModel, uses: LayerUses = {}): Layers {
  const { trainables, captured } = uses;
  const cache = new Map<string, Tensor>();
  const parameter = (name: string): Tensor => {
    const layer = name.replace(/\.weight$/, '');
    const own = first(parts, (part) => part.weight?.(layer, uses));
    const stored = own?.stored ?? parameters.tensor(name);
    const known = cache.get(name);
    // Layers outlive tasks, and pairs that are folded at the end of one change where a weight is stored.
    if (known !== undefined && known.storage?.buffer === stored.storage?.buffer) return known;
    const tensor: Tensor = { ...stored, trainable: own?.trainable ?? false };
    cache.set(name, tensor);
    if (own?.gradient) trainables?.set(tensor, own.gradient);
    return tensor;
  };
  const scaling = parts.find((part) => part.scales !== undefined);
  const linearWith =
    (scales?: PairScales): Layers['linear'] =>
    (g, name, x, addend) => {
      if (scaling && scales === undefined) throw new Error(`the scales of the pairs of ${name} are not computed`);
      const pass: LayerPass = { g, name, x, uses, scales, meters };
      const gradientOfB = first(parts, (part) => part.ofGradient?.(pass));
      let y = matmul(g, x, parameter(`${name}.weight`), { layout: 'nt', addend, gradientOfB });
      for (const part of parts) y = part.forward?.(pass, y) ?? y;
      if (captured && parts.some((part) => part.trains?.(name))) captured.set(name, x);
      return y;
    };
  const linear = linearWith();
  if (scaling === undefined) return { parameter, linear };
  const byPrompt: Layers['byPrompt'] = (g, prompts) => {
    const scales = scaling.scales?.(g, prompts, uses);
    return (rowOf) => {
      if (scales === undefined || rowOf === undefined) return { parameter, linear: linearWith(scales) };
      const { previous, own } = scales;
      const of = { previous: previous && ofTokens(g, previous, rowOf), own: ofTokens(g, own, rowOf) };
      return { parameter, linear: linearWith(of) };
    };
  };
  return { parameter, linear, byPrompt };
}

function first<Answer>(parts: readonly Part[], ask: (part: Part) => Answer | undefined): Answer | undefined {
  for (const part of parts) {
    const answer = ask(part);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** A map of at most `limit` entries: to make room, it passes the least recently used one to `drop`. */
export class RecentMap<V> {
  readonly #drop: (value: V) => void;
  readonly #entries = new Map<string, V>();

  constructor(
    readonly limit: number,
    drop: (value: V) => void,
  ) {
    this.#drop = drop;
  }

  /** The entry, now marked as the most recently used. */
  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Adds or replaces an entry; the replaced one is dropped too. */
  set(key: string, value: V): void {
    this.delete(key);
    this.#entries.set(key, value);
    for (const oldest of [...this.#entries.keys()].slice(0, -this.limit)) this.delete(oldest);
  }

  delete(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#drop(value);
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }
}

/** A name for the sizes of a batch. */
export const sizesKey = ({ rows, sources, tokens, labels }: BatchSizes): string =>
  `${rows}×${sources}×${tokens}×${labels}`;

/** Forward and backward pass of one batch shape: writes gradients to their stacks and adds the loss to its sum. */
export interface GradientProgram {
  readonly batch: TrainingBatch;
  readonly compiled: Compiled;
  /** Buffers of the batch. */
  readonly owned: readonly OwnedBuffer[];
  /** Version of the shared memory that it was compiled for. */
  readonly arenaVersion: number;
}

/**
 * Number of batch shapes that stay compiled: an epoch of 125 batches has up to 26 (docs/speed.md). An evicted program is
 * compiled again when its shape returns.
 */
export const PROGRAM_LIMIT = 32;

/**
 * The purpose of a program: gradients, perhaps with new bases from them alone, or a {@link Half} of a pass for new
 * bases.
 */
export type GradientUse = 'gradients' | 'refresh' | Half;

/** How gradients are computed. */
interface GradientOptions {
  /** Maximum number of micro-batches in a step, whose gradients are added up. */
  readonly accumulation: number;
  /** Whether a block's activations are dropped after it and recomputed in the backward pass. */
  readonly recompute: boolean;
  /** Whether adapters drop a part of their inputs; true by default. */
  readonly drops?: boolean;
}

/**
 * The forward and backward passes of a task, one program per batch shape, compiled at first use. They share the memory
 * of their intermediates.
 */
export class GradientPrograms {
  readonly #device: Device;
  readonly #network: Network;
  readonly #model: TrainedModel;
  readonly #loss: Tensor;
  readonly #options: GradientOptions;
  readonly #programs: Readonly<Record<GradientUse, RecentMap<GradientProgram>>>;
  readonly #arena: Arena;

  /**
   * @param loss f32 [1]: the sum of the losses of micro-batches.
   */
  constructor(device: Device, network: Network, model: TrainedModel, loss: Tensor, options: GradientOptions) {
    this.#device = device;
    this.#network = network;
    this.#model = model;
    this.#loss = loss;
    this.#options = options;
    this.#arena = new Arena(device, 'gradients');
    const limit = Math.max(PROGRAM_LIMIT, options.accumulation); // a step needs all of its own
    const recent = (): RecentMap<GradientProgram> => new RecentMap(limit, (program) => destroyProgram(program));
    this.#programs = { gradients: recent(), refresh: recent(), away: recent(), back: recent() };
  }

  /**
   * Takes the memory of batches to come, so that none of them replaces what the programs of others use: those would be
   * compiled again.
   */
  async reserve(all: readonly BatchSizes[], use: GradientUse): Promise<void> {
    for (const sizes of new Map(all.map((one) => [sizesKey(one), one])).values()) {
      if (this.#programs[use].get(sizesKey(sizes))?.arenaVersion === this.#arena.version) continue;
      const owned: OwnedBuffer[] = [];
      try {
        await reserve(this.#device, this.#record(sizes, use, owned).recording, this.#arena);
      } finally {
        for (const buffer of owned) buffer.destroy();
      }
    }
  }

  /** The programs of a step's micro-batches; batches of one size share one. */
  async of(sizes: readonly BatchSizes[], use: GradientUse): Promise<GradientProgram[]> {
    for (const each of sizes) await this.#compiled(each, use);
    // A large shape may have reallocated the memory of a smaller one; in the second pass all fit.
    const programs: GradientProgram[] = [];
    for (const each of sizes) programs.push(await this.#compiled(each, use));
    return programs;
  }

  async #compiled(sizes: BatchSizes, use: GradientUse): Promise<GradientProgram> {
    const [key, programs] = [sizesKey(sizes), this.#programs[use]];
    const known = programs.get(key);
    if (known && known.arenaVersion === this.#arena.version) return known;
    programs.delete(key);
    const owned: OwnedBuffer[] = [];
    try {
      const { batch, recording } = this.#record(sizes, use, owned);
      const { name, graph, roots } = recording;
      const compiled = await compile(this.#device, name, graph, roots, this.#arena);
      const program = { batch, compiled, owned, arenaVersion: this.#arena.version };
      programs.set(key, program);
      return program;
    } catch (error) {
      for (const buffer of owned) buffer.destroy();
      throw error;
    }
  }

  #record(
    sizes: BatchSizes,
    use: GradientUse,
    owned: OwnedBuffer[],
  ): { batch: TrainingBatch; recording: Required<Recording> } {
    const { accumulation, recompute, drops = true } = this.#options;
    const g = new Graph();
    const batch = this.#network.batch(sizes, owned);
    const trainables = new Map<Tensor, Tensor>();
    const outputs = { counts: (layer: string) => batch.counts(layer).counts, adds: accumulation > 1 };
    const dropout = drops ? this.#model.dropoutStep : undefined;
    const half = use === 'away' || use === 'back' ? use : undefined;
    const uses = half ? { half, dropout } : { trainables, refresh: use === 'refresh', outputs, dropout };
    const { loss, objective } = recordObjective(g, batch, this.#model, trainedLayers(this.#model, uses));
    const gradients = g.backward(objective, this.#network.one, sumGradients(g));
    if (half === undefined) addInto(g, loss, this.#loss, 1, 1);
    const roots: Tensor[] = [loss];
    for (const [tensor, place] of trainables) {
      const gradient = gradients.get(tensor);
      if (gradient === undefined) throw new Error(`The loss does not depend on ${tensor.name}.`);
      // One micro-batch writes its gradients in place; several add them up.
      if (accumulation === 1) placeIn(gradient, storageOf(place));
      else addInto(g, gradient, place, 1, 1);
      roots.push(gradient);
    }
    if (recompute) recomputeBlocks(g);
    return { batch, recording: { name: `${use} ${sizesKey(sizes)}`, graph: g, roots } };
  }

  destroy(): void {
    for (const programs of Object.values(this.#programs)) programs.clear();
    this.#arena.destroy();
  }
}

/** The reported loss, and the objective: with the term of a part that has one. */
function recordObjective(g: Graph, batch: TrainingBatch, model: TrainedModel, layers: Layers): Objective {
  for (const part of model.parts) {
    const own = part.objective?.(g, batch, layers, model);
    if (own) return own;
  }
  const loss = batch.loss(g, layers);
  return { loss, objective: loss };
}

function destroyProgram({ compiled, owned }: GradientProgram): void {
  compiled.destroy();
  for (const buffer of owned) buffer.destroy();
}
