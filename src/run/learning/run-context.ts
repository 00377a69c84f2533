import type { Device } from '../../device/device.ts';
import type { Learner } from '../../gorp/learner.ts';
import type { Network } from '../../models/network.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Moment } from '../events/events.ts';
import type { DataPosition } from '../files/layout.ts';
import type { TestedTask } from '../files/metrics.ts';
import type { AskedQuestions } from '../probes/common-questions-probe.ts';
import type { GeneralTextProbe } from '../probes/general-text-probe.ts';
import type { Probe } from '../probes/own-probe.ts';
import type { Results } from '../results/results.ts';
import type { Round } from '../settings/schedule.ts';
import type { RunSettings } from '../settings/settings.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import type { ProtectedExamples } from '../tasks/protected-examples.ts';
import type { RoundBatches } from '../tasks/round-batches.ts';
import { reported } from './control.ts';
import type { RunTime } from './run-time.ts';
import type { StepReports } from './step-reports.ts';

/** A test and its task. */
export type TestOfTask = TestedTask & { task: EncodedTask };

/** A learner, the tasks it is to learn, where it is in them, and what attends to that. */
export interface RunContext {
  readonly settings: RunSettings;
  readonly device: Device;
  readonly network: Network;
  readonly learner: Learner;
  readonly tokenizer: Tokenizer;
  /** The tasks of the order, then those that are only tested. */
  readonly tasks: readonly EncodedTask[];
  readonly rounds: readonly Round[];
  /** Maximum number of tokens in an answer, with the end. */
  readonly answerLength: number;
  /** Examples of what the model could do before and shall not lose. */
  readonly protects: ProtectedExamples;
  /** General prompts that the base model answers to have them replayed. */
  readonly replayed: readonly EncodedExample[];
  /** Questions of common knowledge; null if none are asked. */
  readonly questions: AskedQuestions | null;
  /** Measures what the model knows of general text; null if nothing does. */
  readonly text: GeneralTextProbe | null;
  /** Measures of plugins. */
  readonly probes: readonly Probe[];
  /** The place of the run. It receives the tests completed after a round's training, and these are not repeated. */
  readonly at: DataPosition;
  readonly time: RunTime;
  readonly reports: StepReports;
  /** A clock in milliseconds. */
  readonly now: () => number;
  /** The results so far. */
  readonly soFar: () => Results;
  /** Whether somebody wants the task to end here, before its last step. */
  readonly isEnough: () => boolean;
  /** How a task is tested that ended before its last step: as the last one. */
  readonly asLast: (round: Round) => Round;
  /** Saves what has been learned, with the tests of it. */
  readonly save: (round: Round, batches: RoundBatches, tests: readonly TestOfTask[]) => Promise<void>;
}

/** Work that reports how many of its parts are done. */
export async function* inParts<Result>(
  { at, time }: RunContext,
  phase: 'compile' | 'space' | 'answers',
  item: string,
  work: (onPart: (done: number, total: number) => Promise<void>) => Promise<Result>,
): AsyncGenerator<Moment, Result, void> {
  yield time.progress(at.round, phase, item, [0, 1, 'items']);
  return yield* reported<Moment, Result>((report) =>
    work((done, total) => report(time.progress(at.round, phase, item, [done, total, 'items']))),
  );
}
