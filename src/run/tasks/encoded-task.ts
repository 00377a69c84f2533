import type { EncodedExample } from '../../tasks/fit.ts';
import type { Score, TaskForm } from '../../tasks/forms.ts';
import { answerLength } from '../../tasks/labels.ts';
import type { Example, TaskDefinition } from '../../tasks/task.ts';
import type { Results, TaskReport } from '../results/results.ts';

/** A task ready for the model. */
export interface EncodedTask {
  readonly name: string;
  readonly kind: string;
  readonly form: TaskForm;
  /** Its main score, if not the first of its form. */
  readonly score?: Score | undefined;
  /** Whether it is only tested: it then has nothing to train on. */
  readonly watched: boolean;
  /** None if answers are free. */
  readonly labels: readonly string[];
  readonly train: readonly EncodedExample[];
  /** Those whose prompts hold no answer of the data, if others do: none of a text, what a conversation begins with. */
  readonly answerless?: readonly EncodedExample[];
  /** Of a watched task, examples from its training data to protect what they use of the model; empty if none are. */
  readonly protects: readonly EncodedExample[];
  /** Examples held out from training, whose loss is measured during it; empty if none are. */
  readonly validation: readonly EncodedExample[];
  /** Empty if the task is not tested: a task that an earlier run taught, and whose tests are not at hand. */
  readonly test: readonly EncodedExample[];
  /** The examples of `test` in words. */
  readonly asked: readonly Example[];
  readonly definition: TaskDefinition;
  /** The task's labels as token ids, end-of-text last. */
  readonly candidates: readonly (readonly number[])[];
  /** Names all that the task holds: see {@link taskHash}. */
  readonly texts: string;
  /** Tokens of the longest label or answer, with its end. */
  readonly longestAnswer: number;
  /** Number of tokens that the model knows. */
  readonly vocabulary: number;
  /** The report of the earlier run that taught it, if one did: its training examples are not here. */
  readonly reported?: TaskReport | undefined;
}

export const reportOfTask = (task: EncodedTask): TaskReport =>
  task.reported ? { ...task.reported, testExamples: task.test.length } : reportOfOwn(task);

const reportOfOwn = ({
  name,
  kind,
  form,
  labels,
  train,
  protects,
  validation,
  test,
  texts,
  longestAnswer,
  watched,
  vocabulary,
  score,
}: EncodedTask): TaskReport => ({
  name,
  kind,
  ...(form !== 'labels' && { form }),
  ...(score !== undefined && { score }),
  labels: labels.slice(),
  trainExamples: train.length,
  ...(protects.length > 0 && { protectedExamples: protects.length }),
  ...(validation.length > 0 && { validationExamples: validation.length }),
  testExamples: test.length,
  texts,
  labelTokens: longestAnswer,
  ...(watched && { watched }),
  ...(watched && form !== 'labels' && { chanceLoss: Math.log(vocabulary) }),
});

/** Maximum number of tokens in an answer that a run writes, with the token that ends it. Texts are not written. */
export const answerLengthOf = (
  targetLength: number,
  tasks: readonly Pick<EncodedTask, 'longestAnswer' | 'form'>[],
): number =>
  answerLength(
    targetLength,
    Math.max(0, ...tasks.map(({ form, longestAnswer }) => (form === 'text' ? 0 : longestAnswer))),
  );

/** Maximum number of tokens that a run's model writes or continues a text with. */
export const targetLengthOf = (
  targetLength: number,
  tasks: readonly Pick<EncodedTask, 'longestAnswer' | 'form'>[],
): number => Math.max(answerLengthOf(targetLength, tasks), ...tasks.map(({ longestAnswer }) => longestAnswer));

/** Maximum tokens of an answer in a run, by its results. */
export const answerLengthIn = ({ settings, tasks }: Pick<Results, 'settings' | 'tasks'>): number =>
  answerLength(
    settings.training.targetLength,
    Math.max(0, ...tasks.map(({ form, labelTokens = 0 }) => (form === 'text' ? 0 : labelTokens))),
  );
