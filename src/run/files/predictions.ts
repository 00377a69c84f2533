import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { TASK_FORMS, type TaskForm } from '../../tasks/forms.ts';
import { bestScoreOf } from '../../text/scores.ts';
import { PREDICTIONS_FILE } from './layout.ts';

/** A test example and the model's answer. */
export interface Prediction {
  /** Kind and name of the task, as its prompt has them. */
  kind: string;
  task: string;
  /** The question, with `{0}` for the sentence, without kind and name. */
  instruction: string;
  sentence: string;
  label: string;
  /** Further right answers. */
  others: readonly string[];
  form: TaskForm;
  written: string;
}

const LineSchema = v.object({
  Task: v.string(),
  Dataset: v.string(),
  Instance: v.object({
    sentence: v.string(),
    label: v.string(),
    instruction: v.string(),
    form: v.optional(v.picklist(TASK_FORMS), 'labels'),
    others: v.optional(v.array(v.string()), []),
  }),
  Prediction: v.string(),
});

/**
 * Reads a round's answers, in the order of the test sets.
 *
 * @param text of the {@link PREDICTIONS_FILE}.
 * @throws GorpError `run/bad-predictions`, naming the line.
 */
export function readPredictions(text: string): Prediction[] {
  return text.split('\n').flatMap((line, i) => (line === '' ? [] : [readLine(line, i + 1)]));
}

function readLine(line: string, number: number): Prediction {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw badLine(number, 'it is not JSON', cause);
  }
  const parsed = v.safeParse(LineSchema, json, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw badLine(number, `${v.getDotPath(issue) ?? 'the line'}: ${issue.message}`, parsed.issues);
  }
  const { Task, Dataset, Instance, Prediction } = parsed.output;
  return { kind: Task, task: Dataset, ...Instance, written: Prediction };
}

const badLine = (number: number, what: string, cause: unknown): GorpError =>
  new GorpError(
    'run/bad-predictions',
    `Line ${number} of ${PREDICTIONS_FILE} contains no answer: ${what}.`,
    'Choose the files of a task as gorp-web or the released code of the paper writes them.',
    { cause },
  );

/** The prompt that the model read, as `promptOf` makes it. */
export const promptOfPrediction = ({ kind, task, form, instruction, sentence }: Prediction): string =>
  `${form === 'labels' ? `Task:${kind}\nDataset:${task}\n` : ''}${instruction.replace('{0}', () => sentence)}`;

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

/** A task that a run's model knows, or that rounds tested. */
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

  /** Adds a task that the model knows; a shared model comes without its answers. */
  know(task: Omit<AnsweredTask, 'examples'>): void {
    if (!this.#tasks.has(task.name)) this.#tasks.set(task.name, { ...task, examples: [] });
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
