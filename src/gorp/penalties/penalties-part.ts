import { GorpError } from '../../base/errors.ts';
import type { Graph } from '../../graph/graph.ts';
import type { LoraGroup } from '../adapters/lora-group.ts';
import type { Part, TaskOf } from '../part.ts';
import {
  recordCrossedPenalty,
  recordNormPenalty,
  recordOrthogonalPenalty,
  recordSparsityPenalty,
} from './penalties.ts';
import { type PenaltyPlan, weightIn } from './plan.ts';

/** Terms of the loss on the entries of adapters: adds their gradients to those of the batches. */
export class Penalties implements Part {
  readonly #plan: PenaltyPlan;
  readonly #groups: readonly LoraGroup[];
  #task = 1;

  /** @throws GorpError `settings/not-square`. */
  constructor(plan: PenaltyPlan, groups: readonly LoraGroup[]) {
    this.#plan = plan;
    this.#groups = groups;
    const odd = groups.find(({ layers: { out, inputs } }) => out !== inputs)?.layers;
    if (odd === undefined || !plan.terms.some(({ kind }) => kind === 'crossed')) return;
    throw new GorpError(
      'settings/not-square',
      `The released form of N-LoRA needs the product A B, but ${odd.names[0]} is [${odd.out}, ${odd.inputs}], not square.`,
      'Choose the form of the paper, or adapt layers with as many inputs as outputs.',
    );
  }

  beginTask({ task }: TaskOf): Promise<void> {
    this.#task = task;
    return Promise.resolve();
  }

  resumeTask({ task }: Pick<TaskOf, 'task'>): void {
    this.#task = task;
  }

  recordTerms(g: Graph): void {
    for (const group of this.#groups) {
      for (const name of group.layers.names) {
        const pair = group.pairOf(name);
        const previous = group.adapters.previousA(name);
        for (const term of this.#plan.terms) {
          const weight = weightIn(term, this.#task);
          if (weight === 0) continue;
          if (term.kind === 'orthogonal' && previous) recordOrthogonalPenalty(g, pair, previous, weight);
          if (term.kind === 'norm') recordNormPenalty(g, pair, weight);
          if (term.kind === 'sparse') recordSparsityPenalty(g, pair, weight);
          if (term.kind === 'crossed') recordCrossedPenalty(g, pair, weight);
        }
      }
    }
  }
}
