import type { Device } from '../device/device.ts';
import type { Learner } from '../gorp/learner.ts';
import type { Network } from '../models/network.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Place } from './checkpoint/place-in-data.ts';
import type { RunControl } from './control.ts';
import { countAnswers } from './confusion.ts';
import { Evaluator } from './evaluator.ts';
import type { RunHost } from './host.ts';
import type { TestedTask } from './outputs/metrics.ts';
import type { RunSettings } from './settings.ts';
import type { EncodedTask } from './encoded-task.ts';

/** A test and its task. */
export type TestOfTask = TestedTask & { task: EncodedTask };

/** What tests need, and who receives their results. */
export interface TestParts {
  readonly device: Device;
  readonly network: Network;
  readonly learner: Learner;
  readonly tokenizer: Tokenizer;
  readonly tasks: readonly EncodedTask[];
  /** Maximum number of tokens in an answer, with the end. */
  readonly answerLength: number;
  readonly settings: RunSettings;
  readonly host: Pick<RunHost, 'emit' | 'now'>;
  readonly control: Pick<RunControl, 'seconds'>;
  /** Told how many examples of a task took how long. */
  readonly didExamples: (task: number, count: number, seconds: number) => void;
}

/**
 * Tests tasks at a place of a run, and reports the results. Skips tests already completed at the place.
 *
 * @param indexes of the tasks, in the order, from 0.
 * @param place receives the completed tests after a round's training.
 * @param onBatch called after each batch with the completed examples of the task; the run may pause there.
 */
export async function testTasks(
  { device, network, learner, tokenizer, tasks, answerLength, settings, host, control, didExamples }: TestParts,
  indexes: readonly number[],
  place: Place,
  onBatch: (task: EncodedTask, done: number) => Promise<void>,
): Promise<TestOfTask[]> {
  const { training } = settings;
  const { phase, round, tests: complete } = place;
  const evaluator = new Evaluator(device, network, learner, tokenizer, { ...training, answerLength }, () => host.now());
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
      const start = control.seconds;
      let before = start;
      let counted = 0;
      const { accuracy, answers, time } = await evaluator.evaluate(task, async (done) => {
        const now = control.seconds;
        didExamples(index, done - counted, now - before);
        [before, counted] = [now, done];
        await onBatch(task, done);
      });
      const byLabel = form === 'labels' && {
        answers: countAnswers(
          task.labels,
          task.testLabels,
          answers.map(({ text }) => text),
        ),
      };
      host.emit({ type: 'evaluation', round, task: index, ...accuracy, ...byLabel, time });
      const batches = Math.ceil(answers.length / training.evaluationBatchSize);
      const test = { answers, batches, seconds: control.seconds - start };
      tests.push({ ...test, task, kind, name, form });
      if (phase === 'test') complete.push({ ...test, task: index });
    }
  } finally {
    evaluator.destroy();
  }
  return tests;
}
