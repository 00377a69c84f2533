import type { Graph } from '../../graph/graph.ts';
import { add } from '../../graph/ops/elementwise.ts';
import type { Layers } from '../../models/layers.ts';
import type { TrainingBatch } from '../../models/network.ts';
import type { Adapters } from '../adapters/adapters-part.ts';
import type { Objective, Part, TrainedModel } from '../part/part.ts';
import { trainedLayers } from '../part/gradient-programs.ts';
import type { DistillationPlan } from '../part/method-plan.ts';

/**
 * α τ² KL(teacher ‖ model) over the label tokens of a batch (docs/method.md, eq. (29)). The teacher is the same model
 * without the new pair or without any, so it takes one more forward pass and stores nothing.
 */
export class Distillation implements Part {
  readonly #plan: DistillationPlan;
  readonly #adapters: Adapters;

  constructor(plan: DistillationPlan, adapters: Adapters) {
    this.#plan = plan;
    this.#adapters = adapters;
  }

  objective(g: Graph, batch: TrainingBatch, layers: Layers, model: TrainedModel): Objective | undefined {
    const { weight, temperature, teacher, omitsRight } = this.#plan;
    // Before the first task ends, the model before the task is the base: it would hold what a task is to change.
    if (weight === 0 || (teacher === 'before' && !this.#adapters.hasEarlierPairs)) return undefined;
    const other = trainedLayers(model, { pairs: teacher === 'base' ? 'none' : 'earlier' });
    const { loss, divergence } = batch.distilled(g, layers, other, { temperature, omitsRight });
    return { loss, objective: add(g, loss, divergence, 1, weight * temperature ** 2) };
  }
}
