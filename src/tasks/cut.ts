import { GorpError } from '../base/errors.ts';
import { sampleBalanced } from './sample.ts';
import type { Task } from './task.ts';

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

/** Share of the training examples that becomes the dev set of a task without one. */
const DEV_SHARE = 0.2;

/**
 * The task with its dev set in place of its test set, for choosing settings without using the test set. Without a dev
 * set, a fifth of the training examples is held out instead, balanced over labels and the same in every run.
 */
export function onDevSet(task: Task): Task {
  if (task.dev.length > 0) return { ...task, test: task.dev };
  const dev = new Set(sampleBalanced(task.train, Math.round(DEV_SHARE * task.train.length), 0));
  return { ...task, train: task.train.filter((one) => !dev.has(one)), test: [...dev] };
}
