import { Evaluator } from '../evaluation/evaluator.ts';
import { type Moment, rest } from '../events/events.ts';
import { askQuestions, QUESTIONS_NAME } from '../probes/common-questions-probe.ts';
import { GENERAL_TEXT_NAME } from '../probes/general-text-probe.ts';
import { measureBy } from '../probes/own-probe.ts';
import { bitsText, countAnswers } from '../results/answers.ts';
import { isTested } from '../results/measures.ts';
import type { CommonQuestionsRound, GeneralTextRound } from '../results/results.ts';
import { type Round, testedBefore } from '../settings/schedule.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import { reported } from './control.ts';
import type { RunContext, TestOfTask } from './run-context.ts';

type Tested = Awaited<ReturnType<Evaluator['evaluate']>>;

/** Measures the model before the first task, or what an earlier run has not measured before the next. */
export async function* measureBefore(run: RunContext): AsyncGenerator<Moment, void, void> {
  const { at } = run;
  planQuestions(run);
  if (at.phase === 'begin') {
    yield* test(run, untestedBefore(run));
    if (at.round === 0) yield* ask(run, 0);
    yield* readText(run, at.round);
    yield* measure(run, at.round);
  }
  yield* readText(run, 0); // unknown if the run resumes from one that did not measure it
}

/** Measures the model after a round. */
export async function* measureAfter(run: RunContext, round: Round): AsyncGenerator<Moment, TestOfTask[], void> {
  const tests = yield* test(run, testedIn(round, run.tasks));
  if (round.testsWatched) yield* ask(run, round.number);
  yield* readText(run, round.number);
  yield* measure(run, round.number);
  return tests;
}

/** Tests the model on all tasks as it is: row 0 of the matrix. */
export async function* testOnly(run: RunContext): AsyncGenerator<Moment, TestOfTask[], void> {
  const tests = yield* test(run, [...run.tasks.keys()]);
  yield* readText(run, 0);
  return tests;
}

/**
 * Tests tasks at a place of a run, and yields how far the tests are, and their results. It can rest after each batch.
 *
 * @param indexes of the tasks, in the order, from 0.
 */
async function* testTasks(
  { settings, device, network, learner, tokenizer, tasks, answerLength, at, time, now }: RunContext,
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

/** Tasks to test before training: all, of a new run; else those that the run it resumes from did not test. */
function untestedBefore({ settings, tasks, rounds, at, soFar }: RunContext): number[] {
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
async function* test(run: RunContext, indexes: readonly number[]): AsyncGenerator<Moment, TestOfTask[], void> {
  const tests = yield* testTasks(run, indexes);
  run.reports.restartClock();
  return tests;
}

/** Asks the model questions of common knowledge: all before training, and after a round those that it answered rightly. */
async function* ask(run: RunContext, round: number): AsyncGenerator<Moment, void, void> {
  const { questions, reports, time } = run;
  if (questions === null) return;
  const asked = askedSoFar(run);
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
    askQuestions(run, questions, { round, before }, async (done, total) => {
      const now = time.seconds;
      time.did('ask', round, done / total - share, now - since);
      [since, share] = [now, done / total];
      await tell(time.progress(round, 'evaluate', QUESTIONS_NAME, [done, total, 'examples']));
      await tell(rest());
    }),
  );
  yield { type: 'probe', probe: 'commonQuestions', about: questions.report, measured };
  if (round === 0) planQuestions(run);
  reports.restartClock();
}

/** The questions asked in rounds so far, if they were the same. */
function askedSoFar({ questions, soFar }: RunContext): readonly CommonQuestionsRound[] {
  const known = soFar().probes?.commonQuestions;
  return known !== undefined && known.hash === questions?.report.hash ? known.rounds : [];
}

/** Plans the time of questions: after a round, those are asked again that were answered rightly before training. */
function planQuestions(run: RunContext): void {
  const { questions, time, at } = run;
  const before = askedSoFar(run).find(({ round }) => round === 0);
  const isUnknown = questions === null || (before === undefined && at.round === 0 && at.phase === 'begin');
  if (!isUnknown) time.asks((before?.right.filter(Boolean).length ?? 0) / questions.prompts.length);
}

/** Measures the model on general text, unless that is known: before training, and after a round. */
async function* readText(
  { text, time, reports, soFar }: RunContext,
  round: number,
): AsyncGenerator<Moment, void, void> {
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
async function* measure(run: RunContext, round: number): AsyncGenerator<Moment, void, void> {
  const { probes, reports, settings, soFar } = run;
  for (const probe of probes) {
    const { name, title } = probe;
    const known = soFar().probes?.own?.find((one) => one.name === name);
    if (known?.rounds.some((one) => one.round === round) === true) continue;
    yield run.time.progress(round, 'evaluate', title, [0, 1, 'items']);
    const value = await measureBy(probe, { ...run, sourceLength: settings.training.sourceLength });
    yield { type: 'probe', probe: 'own', about: { name, title }, measured: { round, value } };
    yield rest();
  }
  reports.restartClock();
}
