import { balancedIndexes } from '../../base/random.ts';
import type { EndedTask, Part } from '../part/part.ts';
import type { SavedProgress, SavedTensors } from '../part/state.ts';
import type { RememberedExample, ReplayPlan } from '../part/method-plan.ts';

/** Minimum number of examples stored per label, if a task has that many. */
const LEAST = 2;

/**
 * Experience replay. Examples of earlier tasks replace a share of every batch, so that the number of steps and examples
 * is the same as with other methods. Other implementations add an equally large batch of old examples instead.
 *
 * The memory holds a part of each task, balanced over labels. Texts of earlier tasks are thus saved with the model.
 */
export class Replay implements Part {
  readonly #plan: ReplayPlan;
  remembered: readonly RememberedExample[] = [];

  constructor(plan: ReplayPlan) {
    this.#plan = plan;
  }

  /** Extends the memory by a part of the task. */
  endTask({ task, examples, random }: Pick<EndedTask, 'task' | 'examples' | 'random'>): Promise<[]> {
    const labels = examples.map(({ label }) => label.join(' '));
    const size = Math.max(Math.round(this.#plan.memory * examples.length), LEAST * new Set(labels).size);
    const chosen = balancedIndexes(labels, size, (label) => random(`er, label ${label}`));
    this.remembered = [...this.remembered, ...chosen.map((index) => ({ task, ...examples[index] }))];
    return Promise.resolve([]);
  }

  /** Token ids of four bytes. */
  get storedBytes(): number {
    return 4 * this.remembered.reduce((sum, { source, label }) => sum + source.length + label.length, 0);
  }

  /** Examples are part of the saved progress, not of the tensors. */
  restore(_saved: SavedTensors, { examples }: SavedProgress): Promise<void> {
    this.remembered = examples;
    return Promise.resolve();
  }
}
