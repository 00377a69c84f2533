import type { Device } from '../../device/device.ts';
import type { Learner } from '../../gorp/learner.ts';
import type { Network } from '../../models/network.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { Evaluator } from '../evaluation/evaluator.ts';
import { type Moment, rest } from '../events/events.ts';
import type { DataPosition } from '../files/layout.ts';
import type { TestedTask } from '../files/metrics.ts';
import { bitsText, countAnswers } from '../results/answers.ts';
import type { RunSettings } from '../settings/settings.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import { reported } from './control.ts';
import type { RunTime } from './run-time.ts';

/** A test and its task. */
export type TestOfTask = TestedTask & { task: EncodedTask };

type Tested = Awaited<ReturnType<Evaluator['evaluate']>>;

/** The parts that tests need. */
export interface TestParts {
  readonly settings: RunSettings;
  readonly device: Device;
  readonly network: Network;
  readonly learner: Learner;
  readonly tokenizer: Tokenizer;
  /** The tasks of the order, then those that are only tested. */
  readonly tasks: readonly EncodedTask[];
  /** Maximum number of tokens in an answer, with the end. */
  readonly answerLength: number;
  /** The place of the run. It receives the tests completed after a round's training, and these are not repeated. */
  readonly at: DataPosition;
  readonly time: RunTime;
  /** A clock in milliseconds. */
  readonly now: () => number;
}

/**
 * Tests tasks at a place of a run, and yields how far the tests are, and their results. It can rest after each batch.
 *
 * @param indexes of the tasks, in the order, from 0.
 */
export async function* testTasks(
  { settings, device, network, learner, tokenizer, tasks, answerLength, at, time, now }: TestParts,
  indexes: readonly number[],
): AsyncGenerator<Moment, TestOfTask[], void> {
  const { training } = settings;
  const { phase, round, tests: complete } = at;
  const evaluator = new Evaluator(device, network, learner, tokenizer, { ...training, answerLength }, now);
  const tests: TestOfTask[] = [];
  try {
    for (const index of indexes) {
      const task = tasks[index];
      const { kind, name, form } = task;
      const known = complete.find((one) => one.task === index);
      if (known) {
        tests.push({ ...known, task, kind, name, form });
        continue;
      }
      const start = time.seconds;
      let [before, counted, batches] = [start, 0, 0];
      const outcome = yield* reported<Moment, Tested>((report) =>
        evaluator.evaluate(task, async (done) => {
          const now = time.seconds;
          time.did('test', index, done - counted, now - before);
          [before, counted, batches] = [now, done, batches + 1];
          await report(time.progress(round, 'evaluate', name, [done, task.test.length, 'examples']));
          await report(rest());
        }),
      );
      const { accuracy, answers } = outcome;
      const byLabel = form === 'labels' && {
        answers: countAnswers(
          task.labels,
          task.asked.map(({ label }) => label),
          answers.map(({ text }) => text),
        ),
      };
      const right = {
        ...(form !== 'text' && { exact: bitsText(answers.map(({ exactMatch }) => exactMatch)) }),
        ...(outcome.rankedRight && { ranked: bitsText(outcome.rankedRight) }),
      };
      yield { type: 'evaluation', round, task: index, ...accuracy, ...byLabel, right, time: outcome.time };
      const test = {
        answers,
        batches,
        seconds: time.seconds - start,
      };
      tests.push({ ...test, task, kind, name, form });
      if (phase === 'test') complete.push({ ...test, task: index });
    }
  } finally {
    evaluator.destroy();
  }
  return tests;
}
