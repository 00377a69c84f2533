import { bestScoreOf } from '../../text/scores.ts';
import type { TaskForm } from '../../tasks/forms.ts';
import type { Prediction } from './predictions.ts';

/** The answer of the model to an example after a round. */
export interface RoundAnswer {
  round: number;
  written: string;
  /** Whether it is the label or a right answer, by exact match. */
  isRight: boolean;
  /** How well it matches, from 0 to 1. */
  rougeL: number;
}

/** A test example, with the answers of the rounds that tested its task. */
export interface AnsweredExample {
  sentence: string;
  label: string;
  /** Further right answers. */
  others: readonly string[];
  answers: RoundAnswer[];
}

/** A task that rounds of a run tested. */
export interface AnsweredTask {
  kind: string;
  name: string;
  form: TaskForm;
  /** The question, with `{0}` for the sentence. */
  instruction: string;
  examples: AnsweredExample[];
}

/** Puts the answers of a run's rounds side by side, example by example. Rounds are added in order. */
export class AnswersOverRounds {
  readonly #tasks = new Map<string, AnsweredTask>();

  get tasks(): readonly AnsweredTask[] {
    return [...this.#tasks.values()];
  }

  add(round: number, predictions: readonly Prediction[]): void {
    const seen = new Map<string, number>();
    for (const { kind, task: name, form, instruction, sentence, label, others, written } of predictions) {
      const task = this.#tasks.get(name) ?? { kind, name, form, instruction, examples: [] };
      this.#tasks.set(name, task);
      const at = seen.get(name) ?? 0;
      seen.set(name, at + 1);
      const example = (task.examples[at] ??= { sentence, label, others, answers: [] });
      // Rounds of one run test the same examples in the same order; answers of another run are left out.
      if (example.sentence !== sentence) continue;
      const { exactMatch: isRight, rougeL } = bestScoreOf(written, [label, ...others]);
      example.answers.push({ round, written, isRight, rougeL });
    }
  }
}
