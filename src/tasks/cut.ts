import { GorpError } from '../base/errors.ts';
import { balancedIndexes, mixSeed, seededRandom } from '../base/random.ts';
import type { Example, Task } from './task.ts';

/**
 * A random sample, balanced over labels: counts differ by at most one, except for labels with too few examples, which
 * others make up for. The sample has the requested size, or all examples.
 *
 * The same seed gives the same sample, and a smaller sample is part of a larger one.
 *
 * @param size number of examples; 0 for all.
 * @returns examples in their original order.
 */
export function sampleBalanced(examples: readonly Example[], size: number, seed: number): Example[] {
  return sample(
    examples,
    examples.map(({ label }) => label),
    size,
    seed,
  );
}

/** A random sample of a task's examples: balanced over its labels, or of all alike if its answers are free. */
export const sampleOf = (
  { labels }: Pick<Task, 'labels'>,
  examples: readonly Example[],
  size: number,
  seed: number,
): Example[] =>
  labels.length > 0
    ? sampleBalanced(examples, size, seed)
    : sample(
        examples,
        examples.map(() => ''),
        size,
        seed,
      );

function sample(examples: readonly Example[], labels: readonly string[], size: number, seed: number): Example[] {
  if (size === 0) return examples.slice();
  return balancedIndexes(labels, size, (label) => seededRandom(mixSeed(seed, 'sample', label))).map((i) => examples[i]);
}

/**
 * One part of a task, cut by label: part 1 of 2 has the first half of the labels and the examples with these labels.
 *
 * @param name name of the part.
 * @throws GorpError `tasks/too-few-labels` if the part would have fewer than two labels.
 */
export function cutByLabel(task: Task, name: string, { part, parts }: { part: number; parts: number }): Task {
  const from = Math.round(((part - 1) * task.labels.length) / parts);
  const labels = task.labels.slice(from, Math.round((part * task.labels.length) / parts));
  if (labels.length < 2) {
    throw new GorpError(
      'tasks/too-few-labels',
      `${name} would have ${labels.length} of the ${task.labels.length} labels of ${task.name}, but needs two.`,
      `Cut ${task.name} into at most ${Math.floor(task.labels.length / 2)} parts, or use the whole task.`,
    );
  }
  const own = (examples: Task['train']): Task['train'] => examples.filter(({ label }) => labels.includes(label));
  return { ...task, name, labels, train: own(task.train), dev: own(task.dev), test: own(task.test) };
}

/** The text of an example; of a text to continue, the continuation. */
export const textOf = ({ sentence, label }: Example): string => (sentence === '' ? label : sentence);

/** Share of the training examples that becomes the dev set of a task without one. */
const DEV_SHARE = 0.2;

/**
 * The task with its dev set in place of its test set, for choosing settings without using the test set. Without a dev
 * set, a fifth of the training examples is held out instead, balanced over labels and the same in every run. All
 * examples with a text that was held out leave the training set, so that no text is both trained on and tested.
 *
 * @throws GorpError `tasks/too-few-examples` if there are too few different texts to hold some out.
 */
export function onDevSet(task: Task): Task {
  if (task.dev.length > 0) return { ...task, test: task.dev };
  const { task: rest, held, unlearned } = heldOut(task, Math.max(1, Math.round(DEV_SHARE * task.train.length)), 0);
  if (rest.train.length > 0 && held.length > 0 && unlearned === undefined) return { ...rest, test: held };
  throw tooFew(
    task,
    'has no dev set, and',
    unlearned,
    'Test on the test set (training.testSet), or add examples with other texts.',
  );
}

/**
 * How many of the training examples that a run takes are held out.
 *
 * @param asked their number, or, below 1, their share: rounded up, as scikit-learn's `test_size` is.
 */
export const heldOutCount = (asked: number, taken: number): number => (asked < 1 ? Math.ceil(asked * taken) : asked);

/**
 * The task without some of its training examples, and these, balanced over labels. All examples with a text that is held
 * out leave the training set.
 *
 * @param count of examples to hold out.
 * @throws GorpError `tasks/too-few-examples` if too few different texts are left to learn from.
 */
export function withValidation(task: Task, count: number, seed: number): { task: Task; held: Task['train'] } {
  const { task: rest, held, unlearned } = heldOut(task, count, seed);
  if (rest.train.length > 0 && unlearned === undefined) return { task: rest, held };
  const next = 'Hold out fewer (training.validationExamples), or add examples with other texts.';
  throw tooFew(task, `is to hold out ${count} examples, and`, unlearned, next);
}

/** Examples drawn from the training set, the rest of the task, and one whose label the rest lacks, if there is one. */
function heldOut(task: Task, count: number, seed: number): { task: Task; held: Task['train']; unlearned?: Example } {
  const held = sampleOf(task, task.train, count, seed);
  const texts = new Set(held.map(textOf));
  const train = task.train.filter((one) => !texts.has(textOf(one)));
  const learned = new Set(train.map(({ label }) => label));
  const unlearned = task.labels.length > 0 ? held.find(({ label }) => !learned.has(label)) : undefined;
  return { task: { ...task, train }, held, ...(unlearned && { unlearned }) };
}

const tooFew = ({ name, train }: Task, why: string, unlearned: Example | undefined, nextStep: string): GorpError =>
  new GorpError(
    'tasks/too-few-examples',
    unlearned === undefined
      ? `${name} ${why} its ${train.length} training examples are too few to hold some out.`
      : `${name} ${why} holding some of its ${train.length} training examples out would leave none with the label “${unlearned.label}” to learn from.`,
    nextStep,
  );
