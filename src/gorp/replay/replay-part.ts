import type { TokenPair } from '../../base/batch.ts';
import { balancedIndexes } from '../../base/random.ts';
import type { EndedTask, Part } from '../part/part.ts';
import type { SavedProgress, SavedTensors } from '../part/state.ts';
import type { RememberedExample, ReplayPlan } from '../part/method-plan.ts';

/** Minimum number of examples stored per label, if a task has that many. */
const LEAST = 2;

/**
 * Experience replay. Remembered examples replace a share of every batch, so that the number of steps and examples is the
 * same as with other methods. Other implementations add an equally large batch of old examples instead.
 *
 * The memory is saved with the model. It holds a part of each task, balanced over labels: its examples, or its prompts
 * with the model's own answers; or general prompts with those of the base model, which are no one's data.
 */
export class Replay implements Part {
  readonly #plan: ReplayPlan;
  remembered: readonly RememberedExample[] = [];

  constructor(plan: ReplayPlan) {
    this.#plan = plan;
  }

  /** Remembers general prompts with the answers of the base model, if these are what it replays. */
  remember(answered: readonly TokenPair[]): void {
    if (this.#plan.source === 'general') this.remembered = answered.map((example) => ({ task: 0, ...example }));
  }

  /** Extends the memory by a part of the task. */
  async endTask({
    task,
    examples,
    isFree,
    answer,
    random,
  }: Pick<EndedTask, 'task' | 'examples' | 'isFree' | 'answer' | 'random'>): Promise<[]> {
    const { source, memory } = this.#plan;
    if (source === 'general') return [];
    const labels = examples.map(({ label }) => (isFree ? '' : label.join(' ')));
    const size = Math.max(Math.round(memory * examples.length), LEAST * new Set(labels).size);
    const chosen = balancedIndexes(labels, size, (label) => random(`er, label ${label}`)).map((i) => examples[i]);
    const remembered = source === 'self' ? await answer(chosen) : chosen;
    this.remembered = [...this.remembered, ...remembered.map((example) => ({ task, ...example }))];
    return [];
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
