import type { OwnedBuffer } from '../gpu/buffers.ts';
import type { Gpu } from '../gpu/device.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { addInto, sumGradients } from '../graph/ops/elementwise.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { BatchSizes, Network, TrainingBatch } from '../models/network.ts';
import { trainedLayers, type TrainedParts } from './trained-layers.ts';

/** A name for a batch shape. */
export const sizesKey = ({ B, S, T }: BatchSizes): string => `${B}×${S}×${T}`;

/** Forward and backward pass of one batch shape: leaves gradients in their stacks and adds the loss to its sum. */
export interface GradientProgram {
  readonly batch: TrainingBatch;
  readonly compiled: Compiled;
}

/** The forward and backward passes of a task, one program per batch shape, compiled when first asked for. */
export class GradientPrograms {
  readonly #programs = new Map<string, GradientProgram>();
  readonly #owned: OwnedBuffer[] = [];

  /**
   * @param loss f32 [1]: where losses of micro-batches are added up, each times its share.
   * @param accumulation micro-batches of a step; gradients are averaged over them.
   */
  constructor(
    private readonly gpu: Gpu,
    private readonly network: Network,
    private readonly parts: TrainedParts,
    private readonly loss: Tensor,
    private readonly accumulation: number,
  ) {}

  async of(sizes: BatchSizes): Promise<GradientProgram> {
    const key = sizesKey(sizes);
    const known = this.#programs.get(key);
    if (known) return known;
    const g = new Graph();
    const batch = this.network.batch(sizes, this.#owned);
    const trainables = new Map<Tensor, Tensor>();
    const loss = batch.loss(g, trainedLayers(this.parts, { trainables }));
    const gradients = g.backward(loss, this.network.one, sumGradients(g));
    const share = 1 / this.accumulation;
    addInto(g, loss, this.loss, share, 1);
    const roots: Tensor[] = [loss];
    for (const [tensor, place] of trainables) {
      const gradient = gradients.get(tensor);
      if (gradient === undefined) throw new Error(`${tensor.name} has no part in the loss`);
      // With one micro-batch gradients are written where they belong; with more they are added there.
      if (this.accumulation === 1) gradient.storage = place.storage as NonNullable<Tensor['storage']>;
      else addInto(g, gradient, place, share, 1);
      roots.push(gradient);
    }
    const program = { batch, compiled: await compile(this.gpu, `gradients ${key}`, g, roots) };
    this.#programs.set(key, program);
    return program;
  }

  destroy(): void {
    for (const { compiled } of this.#programs.values()) compiled.destroy();
    for (const buffer of this.#owned) buffer.destroy();
  }
}
