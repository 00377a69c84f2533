import type { TokenPair } from '../../base/batch.ts';
import { isSoft, needsOf, type SpacePlan, spaceOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { answeredByModel } from '../evaluation/free-answers.ts';
import type { Moment } from '../events/events.ts';
import type { TensorSpace } from '../results/results.ts';
import { measurementsAfter } from '../settings/amount.ts';
import { type Round, rateCourse } from '../settings/schedule.ts';
import type { TrainingSettings } from '../settings/settings.ts';
import { GENERAL_ANSWER, protectedSample } from '../tasks/protected-examples.ts';
import type { RoundBatches } from '../tasks/round-batches.ts';
import { spaceSamples } from '../tasks/space-samples.ts';
import { inParts, type RunContext } from './run-context.ts';

/** Puts what the model could do before into the spaces, if the method protects it. */
export async function* protectKnown(run: RunContext): AsyncGenerator<Moment, void, void> {
  const { settings, network, learner, protects } = run;
  const sample = protectedSample(protects, settings.training, spaceSamples(settings.method, network));
  if (sample.length === 0) return;
  yield* inParts(run, 'space', 'the base model', (onPart) => learner.protect(sample, onPart));
}

/** Has the base model answer general prompts, if the method replays those. */
export async function* answerGeneralPrompts(run: RunContext): AsyncGenerator<Moment, void, void> {
  const { learner, replayed } = run;
  if (replayed.length === 0) return;
  const answered = yield* inParts(run, 'answers', 'general prompts', (onPart) =>
    answersOf(run, replayed, GENERAL_ANSWER, onPart),
  );
  if (answered.length === 0) {
    yield { type: 'warning', message: 'The base model answers nothing to general prompts, so nothing is replayed.' };
  }
  learner.remember(answered);
}

/** Returns the answers of the model, as it is now, to prompts. */
const answersOf = (
  { settings, ...parts }: RunContext,
  prompts: readonly TokenPair[],
  length: number,
  onPart: (done: number, total: number) => Promise<void>,
): Promise<EncodedExample[]> =>
  answeredByModel({ ...parts, rows: settings.training.evaluationBatchSize }, prompts, length, (done) =>
    onPart(done, prompts.length),
  );

/** Prepares the learner for a task, from samples of its examples. */
export const beginTask = (run: RunContext, batches: RoundBatches): AsyncGenerator<Moment, void, void> =>
  inParts(run, 'compile', batches.name, (onPart) =>
    run.learner.beginTask(batches.beginSample(), onPart, batches.prompts()),
  );

/** Has the learner end a task. @returns how its spaces grew. */
export function endTask(
  run: RunContext,
  { trains }: Round,
  batches: RoundBatches,
): AsyncGenerator<Moment, TensorSpace[], void> {
  const { settings, tasks, learner } = run;
  const learned = trains.map((task) => tasks[task]);
  const answersItself = needsOf(planOf(settings.method)).ownAnswers === 'self';
  const [phase, item] = answersItself
    ? (['answers', `prompts of ${batches.name}`] as const)
    : (['space', batches.name] as const);
  return inParts(run, phase, item, (onPart) =>
    learner.endTask(
      {
        sample: batches.spaceSample(),
        singles: batches.singles(),
        prompts: batches.prompts(),
        examples: answersItself ? learned.flatMap(({ train, answerless = train }) => answerless) : batches.examples,
        isFree: learned.every(({ form }) => form !== 'labels'),
        answer: (prompts) =>
          answersOf(run, prompts, Math.max(...learned.map(({ longestAnswer }) => longestAnswer)), onPart),
      },
      onPart,
    ),
  );
}

/** Warns before the first step of a task that its rates or its end will not be what the settings say. */
export function* doubtsAboutSteps(
  { settings: { training }, tasks, time }: RunContext,
  { number, trains }: Round,
  task: string,
): Generator<Moment, void, void> {
  const steps = time.steps[number - 1];
  const heldOut = trains.reduce((sum, one) => sum + tasks[one].validation.length, 0);
  const doubts = [
    ...unendingWarmUp(task, rateCourse(training, steps).warmup, steps),
    ...doubtfulEnding(task, training, { heldOut, steps }),
  ];
  for (const message of doubts) yield { type: 'warning', message };
}

/** Warns after a task, if others follow, of tensors that no longer learn. */
export function* doubtsAboutSpaces(
  { settings: { method, order } }: RunContext,
  { number }: Round,
  tensors: readonly TensorSpace[],
): Generator<Moment, void, void> {
  const message = number >= order.length ? null : fullSpaces(spaceOf(planOf(method)), tensors);
  if (message !== null) yield { type: 'warning', message };
}

/** Names in a warning, at most. */
const NAMED = 3;

/** Says which tensors no longer learn; null if all do. A soft space leaves a part of every direction. */
function fullSpaces(space: SpacePlan | undefined, tensors: readonly TensorSpace[]): string | null {
  const full = space && isSoft(space) ? [] : tensors.filter(({ total, dimension }) => total >= dimension);
  if (full.length === 0) return null;
  const names = full.slice(0, NAMED).map(({ name }) => name);
  const more = full.length > NAMED ? ', …' : '';
  return `The shared space of ${full.length} of ${tensors.length} tensors is full; these no longer learn: ${names.join(', ')}${more}.`;
}

/** Says if a task ends before its warm-up. @param warmup steps, of all the `steps` of the task. */
const unendingWarmUp = (task: string, warmup: number, steps: number): string[] =>
  warmup < steps
    ? []
    : [
        `${task}: a warm-up of ${warmup} steps is not over after the ${steps} of the task, so the rates never reach their values.`,
      ];

/** Returns doubts about ending a task by its losses on held-out examples; none if it does not end so. */
function doubtfulEnding(
  task: string,
  { loadBest, earlyStoppingPatience: patience, validationSteps }: TrainingSettings,
  { heldOut, steps }: { heldOut: number; steps: number },
): string[] {
  const texts: string[] = [];
  if ((loadBest === 'best' || patience > 0) && heldOut === 1) {
    texts.push(`${task}: one held-out example decides how its training ends; hold out more, or that is chance.`);
  }
  if (patience > 0 && measurementsAfter(steps, steps, validationSteps) <= patience) {
    texts.push(
      `${task}: early stopping cannot act, since its ${steps} steps have no more than ${patience} validations. Lower the patience or the validation interval.`,
    );
  }
  return texts;
}
