import type { TokenPair } from '../base/batch.ts';
import { chunks } from '../base/statistics.ts';
import { needsOf, spaceOf } from '../gorp/part/method-plan.ts';
import { type Round, rateCourse, rateFactor, testedBefore } from './settings/schedule.ts';
import { planOf } from '../methods/registry.ts';
import type { EncodedExample } from '../tasks/fit.ts';
import { answeredByModel, Validation } from './evaluation/free-answers.ts';
import { type Moment, rest } from './events/events.ts';
import { type DataPosition, positionAt } from './files/layout.ts';
import { reported } from './learning/control.ts';
import { RoundBatches } from './tasks/round-batches.ts';
import { type TestOfTask, testTasks, type TestParts } from './learning/round-tests.ts';
import { doubtfulEnding, fullSpaces, unendingWarmUp } from './learning/round-warnings.ts';
import type { StepReports } from './learning/step-reports.ts';
import { type AskedQuestions, askQuestions, QUESTIONS_NAME } from './probes/common-questions-probe.ts';
import { GENERAL_TEXT_NAME, type GeneralTextProbe } from './probes/general-text-probe.ts';
import { measureBy, type Probe } from './probes/own-probe.ts';
import { courseOf } from './results/held-out.ts';
import { isTested } from './results/measures.ts';
import type { CommonQuestionsRound, GeneralTextRound, Results } from './results/results.ts';
import type { EncodedTask } from './tasks/encoded-task.ts';
import { GENERAL_ANSWER, type ProtectedExamples, protectedSample } from './tasks/protected-examples.ts';
import { spaceSamples } from './tasks/space-samples.ts';

/** A learner, the tasks it is to learn, and where it is in them. */
export interface Lessons extends TestParts {
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
  readonly rounds: readonly Round[];
  readonly reports: StepReports;
  readonly soFar: () => Results;
  /** Whether somebody wants the task to end here, before its last step. */
  readonly isEnough: () => boolean;
  /** How a task is tested that ended before its last step: as the last one. */
  readonly asLast: (round: Round) => Round;
  /** Saves what has been learned, with the tests of it. */
  readonly save: (round: Round, batches: RoundBatches, tests: readonly TestOfTask[]) => Promise<void>;
}

/**
 * Teaches a model the tasks of an order, one after another (docs/method.md, section 1; Algorithm 1 of the paper). For
 * each task: begin with fresh adapters outside the space of earlier tasks, a step for each batch, grow the space by what
 * the task used, test, save.
 *
 * It yields what happened. It waits while the next event is not asked for, and closing it at a {@link Rest} ends it with
 * nothing half done. From there another call resumes with equal bits: all that it depends on is the learner's state and
 * {@link Lessons.at}.
 *
 * @throws GorpError `run/not-finite`, `device/lost`, …
 */
export async function* teach(lessons: Lessons): AsyncGenerator<Moment, void, void> {
  const { settings, tasks, rounds, network, at } = lessons;
  const samples = spaceSamples(settings.method, network);
  planQuestions(lessons);
  if (at.phase === 'begin') {
    yield* test(lessons, untestedBefore(lessons));
    if (at.round === 0) yield* ask(lessons, 0);
    yield* readText(lessons, at.round);
    yield* measure(lessons, at.round);
  }
  yield* readText(lessons, 0); // unknown if the run resumes from one that did not measure it
  for (const round of rounds.filter(({ number }) => number > at.round || (number === at.round && isOpen(at)))) {
    const batches = new RoundBatches(settings, tasks, round, samples, network);
    if (round.number > at.round) yield* begin(lessons, round, batches);
    if (at.phase === 'learn') {
      yield* learn(lessons, round, batches);
      yield* end(lessons, round, batches);
    }
    const isWhole = at.steps === lessons.time.steps[round.number - 1] || isIdle(lessons, round.number);
    const tested = isWhole ? round : lessons.asLast(round);
    const tests = yield* test(lessons, testedIn(tested, tasks));
    if (tested.testsWatched) yield* ask(lessons, round.number);
    yield* readText(lessons, round.number);
    yield* measure(lessons, round.number);
    await lessons.save(round, batches, tests);
    if (!isWhole) return; // somebody ended the run with it
  }
}

/** Tests the model on all tasks as it is: row 0 of the matrix. */
export async function* testOnly(lessons: Lessons): AsyncGenerator<Moment, TestOfTask[], void> {
  const tests = yield* test(lessons, [...lessons.tasks.keys()]);
  yield* readText(lessons, 0);
  return tests;
}

const isOpen = ({ phase }: DataPosition): boolean => phase !== 'begin';

/** Starts a task: a fresh adapter pair, moments at zero, and, before the first, the protection of what is known. */
async function* begin(lessons: Lessons, { number }: Round, batches: RoundBatches): AsyncGenerator<Moment, void, void> {
  const { learner, reports, at, time } = lessons;
  yield rest('round');
  Object.assign(at, positionAt(number, 'learn'));
  const steps = async function* (): AsyncGenerator<Moment, void, void> {
    if (number === 1) yield* protect(lessons);
    if (number === 1) yield* answerGeneral(lessons);
    yield* inParts(lessons, 'compile', batches.name, (onPart) =>
      learner.beginTask(batches.beginSample(), onPart, batches.prompts()),
    );
  };
  yield* time.timed('begin', number, steps());
  reports.restartClock();
  yield rest();
}

/** Puts what the model could do before into the spaces, if the method protects it. */
async function* protect(lessons: Lessons): AsyncGenerator<Moment, void, void> {
  const { settings, network, learner, protects } = lessons;
  const sample = protectedSample(protects, settings.training, spaceSamples(settings.method, network));
  if (sample.length === 0) return;
  yield* inParts(lessons, 'space', 'the base model', (onPart) => learner.protect(sample, onPart));
}

/** Has the base model answer general prompts, if the method replays those. */
async function* answerGeneral(lessons: Lessons): AsyncGenerator<Moment, void, void> {
  const { learner, replayed } = lessons;
  if (replayed.length === 0) return;
  const answered = yield* inParts(lessons, 'answers', 'general prompts', (onPart) =>
    answersOf(lessons, replayed, GENERAL_ANSWER, onPart),
  );
  if (answered.length === 0) {
    yield { type: 'warning', message: 'The base model answers nothing to general prompts, so nothing is replayed.' };
  }
  learner.remember(answered);
}

/** Returns the answers of the model, as it is now, to prompts. */
const answersOf = (
  { settings, ...parts }: Lessons,
  prompts: readonly TokenPair[],
  length: number,
  onPart: (done: number, total: number) => Promise<void>,
): Promise<EncodedExample[]> =>
  answeredByModel({ ...parts, rows: settings.training.evaluationBatchSize }, prompts, length, (done) =>
    onPart(done, prompts.length),
  );

/** Trains on a task: a step for each batch of every epoch, from the step where the run is. */
async function* learn(lessons: Lessons, round: Round, batches: RoundBatches): AsyncGenerator<Moment, void, void> {
  const { settings, learner, reports, at, time, isEnough } = lessons;
  const { gradientAccumulation } = settings.training;
  const { number } = round;
  const total = time.steps[number - 1];
  const course = rateCourse(settings.training, total);
  const heldOutOf = round.trains.reduce((sum, task) => sum + lessons.tasks[task].validation.length, 0);
  const doubts = [
    ...unendingWarmUp(batches.name, course.warmup, total),
    ...doubtfulEnding(batches.name, settings.training, { heldOut: heldOutOf, steps: total }),
  ];
  for (const message of at.steps === 0 ? doubts : []) yield { type: 'warning', message };
  const validation = heldOut(lessons, round);
  const isOver = (): boolean => isEnough() || isIdle(lessons, number);
  time.startLearning();
  try {
    let step = 0;
    for (let epoch = 0; epoch < batches.epochs && !isOver(); epoch++) {
      const drawn = batches.ofEpoch(epoch, learner.rememberedExamples);
      await learner.reserve(drawn);
      for (const micro of chunks(drawn, gradientAccumulation)) {
        if (++step <= at.steps) continue; // done before the run resumed
        const rate = rateFactor(course, step - 1);
        await learner.step(micro, rate);
        at.steps = step;
        at.paddedTokens += micro.flat().reduce((sum, { source }) => sum + source.length, 0);
        await reports.stepped(number, micro, rate);
        if (validation.isDue(step, total)) yield* validate(lessons, validation);
        yield time.progress(number, 'train', batches.name, [step, total, 'steps']);
        yield rest('step');
        if (isOver()) break;
      }
    }
  } finally {
    validation.destroy();
  }
  await reports.settle(number);
  time.countLearning(at);
  if (at.steps < total && !isIdle(lessons, number)) {
    yield { type: 'cut-short', round: number, steps: at.steps, planned: total };
  }
  yield* endByLoss(lessons, number, total);
  yield rest();
}

/** The losses on held-out examples in a round so far. */
const validationsOf = ({ soFar }: Lessons, round: number): NonNullable<Results['validation']> =>
  (soFar().validation ?? []).filter((one) => one.round === round);

/** Whether so many validations in a row have brought no lower loss that the round ends (early stopping). */
function isIdle(lessons: Lessons, round: number): boolean {
  const { earlyStoppingPatience: patience, earlyStoppingThreshold } = lessons.settings.training;
  const losses = validationsOf(lessons, round).map(({ loss }) => loss);
  return patience > 0 && courseOf(losses, earlyStoppingThreshold).idle >= patience;
}

/** Takes the weights of the lowest loss on held-out examples, if a task ends with those, and says how the round ended. */
async function* endByLoss(lessons: Lessons, round: number, planned: number): AsyncGenerator<Moment, void, void> {
  const { settings, learner, at, time, soFar } = lessons;
  const { loadBest } = settings.training;
  const { curves, endedByLoss = [] } = soFar();
  if (endedByLoss.some((one) => one.round === round)) return; // before the run resumed
  if (loadBest === 'last' && !isIdle(lessons, round)) return;
  const losses = validationsOf(lessons, round);
  const last = curves.step.at(-1) ?? 0;
  const { lowest } = courseOf(losses.map(({ loss }) => loss));
  const step = loadBest === 'last' || lowest < 0 ? last : losses[lowest].step;
  if (step !== last) await learner.takeKeptWeights();
  time.endsAfter(round, at.steps);
  yield { type: 'ended-by-loss', round, step, steps: at.steps, planned };
}

/** The held-out examples of what a round learns. */
function heldOut({ device, network, learner, tasks, settings }: Lessons, { trains }: Round): Validation {
  const examples = trains.flatMap((task) => tasks[task].validation);
  return new Validation(device, network, learner, examples, settings.training);
}

async function* validate(lessons: Lessons, validation: Validation): AsyncGenerator<Moment, void, void> {
  const { settings, learner, reports, at, time, soFar } = lessons;
  await reports.settle(at.round); // its step is then the last one known
  const began = time.seconds;
  const loss = await validation.loss();
  time.did('validate', at.round, 1, time.seconds - began);
  yield { type: 'validation', round: at.round, step: soFar().curves.step.at(-1) ?? 0, loss };
  const losses = validationsOf(lessons, at.round).map((one) => one.loss);
  if (settings.training.loadBest === 'best' && courseOf(losses).lowest === losses.length - 1) {
    await learner.keepWeights();
  }
  reports.restartClock();
}

/** Ends a task: the spaces grow by the directions that it used. */
async function* end(
  lessons: Lessons,
  { number, trains }: Round,
  batches: RoundBatches,
): AsyncGenerator<Moment, void, void> {
  const { settings, learner, at, time } = lessons;
  const learned = trains.map((task) => lessons.tasks[task]);
  const answersItself = needsOf(planOf(settings.method)).ownAnswers === 'self';
  const growing = inParts(
    lessons,
    answersItself ? 'answers' : 'space',
    answersItself ? `prompts of ${batches.name}` : batches.name,
    (onPart) =>
      learner.endTask(
        {
          sample: batches.spaceSample(),
          singles: batches.singles(),
          prompts: batches.prompts(),
          examples: answersItself ? learned.flatMap(({ train, answerless = train }) => answerless) : batches.examples,
          isFree: learned.every(({ form }) => form !== 'labels'),
          answer: (prompts) =>
            answersOf(lessons, prompts, Math.max(...learned.map(({ longestAnswer }) => longestAnswer)), onPart),
        },
        onPart,
      ),
  );
  const tensors = yield* time.timed('end', number, growing);
  yield { type: 'space', round: number, tensors, stateBytes: learner.stateBytes };
  const isLast = number >= settings.order.length;
  const message = isLast ? null : fullSpaces(spaceOf(planOf(settings.method)), tensors);
  if (message !== null) yield { type: 'warning', message };
  at.phase = 'test';
}

/** Tasks to test before training: all, of a new run; else those that the run it resumes from did not test. */
function untestedBefore({ settings, tasks, rounds, at, soFar }: Lessons): number[] {
  const { accuracy } = soFar();
  const own = rounds.find(({ number }) => number === at.round)?.tests;
  const { order, training } = settings;
  const first = [...(own ?? testedBefore(order.length, training.testRounds)), ...watchedOf(tasks)];
  return first.filter((task) => !isTested(accuracy, at.round, task) && isAtHand(tasks[task]));
}

const watchedOf = (tasks: readonly EncodedTask[]): number[] => [...tasks.keys()].filter((task) => tasks[task].watched);

const testedIn = ({ tests, testsWatched }: Round, tasks: readonly EncodedTask[]): number[] => [
  ...tests.filter((task) => isAtHand(tasks[task])),
  ...(testsWatched ? watchedOf(tasks) : []),
];

/** Whether a task's tests are at hand: those of tasks that an earlier run taught may not be. */
const isAtHand = ({ test }: EncodedTask): boolean => test.length > 0;

/** Tests the model on tasks. @param indexes of the tasks, in the order, from 0. */
async function* test(lessons: Lessons, indexes: readonly number[]): AsyncGenerator<Moment, TestOfTask[], void> {
  const tests = yield* testTasks(lessons, indexes);
  lessons.reports.restartClock();
  return tests;
}

/** Asks the model questions of common knowledge: all before training, and after a round those that it answered rightly. */
async function* ask(lessons: Lessons, round: number): AsyncGenerator<Moment, void, void> {
  const { questions, reports, time } = lessons;
  if (questions === null) return;
  const asked = askedSoFar(lessons);
  const before = asked.find((one) => one.round === 0);
  if (asked.some((one) => one.round === round)) return;
  if (round > 0 && before === undefined) {
    const message =
      'Questions of common knowledge are not asked: the run resumes from one that was not asked the same before training.';
    yield { type: 'warning', message, isNote: true };
    return;
  }
  let [since, share] = [time.seconds, 0];
  const measured = yield* reported<Moment, CommonQuestionsRound>((tell) =>
    askQuestions(lessons, questions, { round, before }, async (done, total) => {
      const now = time.seconds;
      time.did('ask', round, done / total - share, now - since);
      [since, share] = [now, done / total];
      await tell(time.progress(round, 'evaluate', QUESTIONS_NAME, [done, total, 'examples']));
      await tell(rest());
    }),
  );
  yield { type: 'probe', probe: 'commonQuestions', about: questions.report, measured };
  if (round === 0) planQuestions(lessons);
  reports.restartClock();
}

/** The questions asked in rounds so far, if they were the same. */
function askedSoFar({ questions, soFar }: Lessons): readonly CommonQuestionsRound[] {
  const known = soFar().probes?.commonQuestions;
  return known !== undefined && known.hash === questions?.report.hash ? known.rounds : [];
}

/** Plans the time of questions: after a round, those are asked again that were answered rightly before training. */
function planQuestions(lessons: Lessons): void {
  const { questions, time, at } = lessons;
  const before = askedSoFar(lessons).find(({ round }) => round === 0);
  const isUnknown = questions === null || (before === undefined && at.round === 0 && at.phase === 'begin');
  if (!isUnknown) time.asks((before?.right.filter(Boolean).length ?? 0) / questions.prompts.length);
}

/** Measures the model on general text, unless that is known: before training, and after a round. */
async function* readText({ text, time, reports, soFar }: Lessons, round: number): AsyncGenerator<Moment, void, void> {
  const known = soFar().probes?.generalText;
  if (text === null || (known?.hash === text.about.hash && known.rounds.some((one) => one.round === round))) return;
  const began = time.seconds;
  const measured = yield* reported<Moment, GeneralTextRound>((tell) =>
    text.measure(round, async (done, total) => {
      await tell(time.progress(round, 'evaluate', GENERAL_TEXT_NAME, [done, total, 'examples']));
      await tell(rest());
    }),
  );
  time.did('text', round, 1, time.seconds - began);
  yield { type: 'probe', probe: 'generalText', about: text.about, measured };
  reports.restartClock();
}

/** Measures the model by the probes of plugins, unless they have measured this round. */
async function* measure(lessons: Lessons, round: number): AsyncGenerator<Moment, void, void> {
  const { probes, reports, settings, soFar } = lessons;
  for (const probe of probes) {
    const { name, title } = probe;
    const known = soFar().probes?.own?.find((one) => one.name === name);
    if (known?.rounds.some((one) => one.round === round) === true) continue;
    yield lessons.time.progress(round, 'evaluate', title, [0, 1, 'items']);
    const value = await measureBy(probe, { ...lessons, sourceLength: settings.training.sourceLength });
    yield { type: 'probe', probe: 'own', about: { name, title }, measured: { round, value } };
    yield rest();
  }
  reports.restartClock();
}

/** Work that reports how many of its parts are done. */
async function* inParts<Result>(
  { at, time }: Lessons,
  phase: 'compile' | 'space' | 'answers',
  item: string,
  work: (onPart: (done: number, total: number) => Promise<void>) => Promise<Result>,
): AsyncGenerator<Moment, Result, void> {
  yield time.progress(at.round, phase, item, [0, 1, 'items']);
  return yield* reported<Moment, Result>((report) =>
    work((done, total) => report(time.progress(at.round, phase, item, [done, total, 'items']))),
  );
}
