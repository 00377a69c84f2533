import type { Batch, BatchSizes } from '../../base/batch.ts';
import type { Device } from '../../device/device.ts';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { addInto, scaleRows } from '../../graph/ops/elementwise.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Network } from '../../models/network.ts';
import { GradientPrograms, sizesIn } from '../part/gradient-programs.ts';
import { type LoraGroup, namedPair } from '../adapters/lora-group.ts';
import type { Matrix } from '../../linear-algebra/matrix.ts';
import { entries } from './quadratic-term.ts';
import { Stack } from '../part/stack.ts';
import type { TrainedModel } from '../part/part.ts';

/**
 * The mean over examples of (∂ log p(label | prompt) / ∂θ)² of every number of the adapters: the diagonal of the
 * empirical Fisher matrix. It takes one example at a time, since the square of a batch's mean gradient differs and
 * shrinks with the batch, and uses no dropout. It overwrites the gradients in the stacks of the groups.
 */
export class SquaredGradients {
  readonly #device: Device;
  readonly #gradients: GradientPrograms;
  readonly #sizesOf: (rows: Batch) => BatchSizes;
  /** Sums for A and for B of every group. */
  readonly #sums: readonly { readonly group: LoraGroup; readonly A: Stack; readonly B: Stack }[];
  /** By the number of label tokens. */
  readonly #adding = new Map<number, Compiled>();
  #count = 0;

  /** @param groups of all trained adapters. @param loss f32 [1]: a sum of losses, which is never read. */
  constructor(
    device: Device,
    network: Network,
    model: TrainedModel,
    groups: readonly LoraGroup[],
    loss: Tensor,
    options: { recompute: boolean },
  ) {
    this.#device = device;
    this.#sizesOf = (rows) => sizesIn(network, model, rows);
    this.#gradients = new GradientPrograms(device, network, model, loss, { accumulation: 1, drops: false, ...options });
    this.#sums = groups.map((group) => {
      const { names, out, inputs } = group.layers;
      const { rank } = group.adapters;
      return {
        group,
        A: new Stack(device, 'spaces', 'squares of lora_A', names, rank, inputs),
        B: new Stack(device, 'spaces', 'squares of lora_B', names, out, rank),
      };
    });
  }

  /** Compiles the programs for an example of these sizes. */
  async prepare(sizes: BatchSizes): Promise<void> {
    await this.#gradients.of([sizes], 'gradients');
    await this.#programOf(sizes.labels);
  }

  /** Adds an example. @param batch of one row. */
  async add(rows: Batch): Promise<void> {
    if (rows.length !== 1) throw new Error(`squared gradients take one example at a time, not ${rows.length}`);
    const [{ batch, compiled }] = await this.#gradients.of([this.#sizesOf(rows)], 'gradients');
    const adding = await this.#programOf(rows[0].label.length);
    batch.write(rows);
    await this.#device.run([compiled.program, adding.program]);
    this.#count++;
  }

  /** sum ← sum + (tokens · G)²: the loss of the network is −log p over the number of label tokens. */
  async #programOf(tokens: number): Promise<Compiled> {
    const known = this.#adding.get(tokens);
    if (known) return known;
    const g = new Graph();
    for (const { group, A, B } of this.#sums) {
      for (const [gradient, sum] of [[group.gradA, A] as const, [group.gradB, B] as const]) {
        const squared = scaleRows(g, entries(gradient.tensor), entries(gradient.tensor)); // [elements, 1]
        addInto(g, squared, entries(sum.tensor), tokens ** 2, 1);
      }
    }
    const compiled = await compile(this.#device, `squares of ${tokens} tokens`, g, []);
    this.#adding.set(tokens, compiled);
    return compiled;
  }

  /** Bytes of the largest sum; sums are read back one by one. */
  get largestBytes(): number {
    return Math.max(0, ...this.#sums.flatMap(({ A, B }) => [A, B].map(({ shape }) => shape.count * shape.stride * 4)));
  }

  /** The means by tensor name; waits for the device. */
  async read(): Promise<Map<string, Matrix>> {
    const means = new Map<string, Matrix>();
    for (const { A, B } of this.#sums) {
      for (const [name, { rows, columns, data }] of namedPair(await A.read(), await B.read())) {
        means.set(name, { rows, columns, data: data.map((value) => value / Math.max(1, this.#count)) });
      }
    }
    return means;
  }

  destroy(): void {
    this.#gradients.destroy();
    for (const compiled of this.#adding.values()) compiled.destroy();
    for (const { A, B } of this.#sums) for (const sum of [A, B]) sum.destroy();
  }
}
