import { chunks } from '../base/statistics.ts';
import { type Moment, rest } from './events/events.ts';
import { positionAt } from './files/layout.ts';
import { measureAfter, measureBefore } from './learning/measuring.ts';
import type { RunContext } from './learning/run-context.ts';
import {
  answerGeneralPrompts,
  beginTask,
  doubtsAboutSpaces,
  doubtsAboutSteps,
  endTask,
  protectKnown,
} from './learning/task-borders.ts';
import { endByLoss, heldOutLoss, isIdle, validate } from './learning/validation.ts';
import { type Round, rateCourse, rateFactor } from './settings/schedule.ts';
import { RoundBatches } from './tasks/round-batches.ts';
import { spaceSamples } from './tasks/space-samples.ts';

/**
 * Teaches a model the tasks of an order, one after another (docs/method.md, section 1; Algorithm 1 of the paper). For
 * each task: begin with fresh adapters outside the space of earlier tasks, a step for each batch, grow the space by what
 * the task used, test, save.
 *
 * It yields what happened. It waits while the next event is not asked for, and closing it at a {@link Rest} ends it with
 * nothing half done. From there another call resumes with equal bits: all that it depends on is the learner's state and
 * {@link RunContext.at}.
 *
 * @throws GorpError `run/not-finite`, `device/lost`, …
 */
export async function* teach(run: RunContext): AsyncGenerator<Moment, void, void> {
  const { settings, tasks, network, at } = run;
  const samples = spaceSamples(settings.method, network);
  yield* measureBefore(run);
  const isOpen = at.phase !== 'begin';
  for (const round of run.rounds.filter(({ number }) => number > at.round || (number === at.round && isOpen))) {
    const batches = new RoundBatches(settings, tasks, round, samples, network);
    if (round.number > at.round) yield* begin(run, round, batches);
    if (at.phase === 'learn') {
      yield* learn(run, round, batches);
      yield* end(run, round, batches);
    }
    const isWhole = at.steps === run.time.steps[round.number - 1] || isIdle(run, round.number);
    const tests = yield* measureAfter(run, isWhole ? round : run.asLast(round));
    await run.save(round, batches, tests);
    if (!isWhole) return; // somebody ended the run with it
  }
}

/** Starts a task: a fresh adapter pair, moments at zero, and, before the first, the protection of what is known. */
async function* begin(run: RunContext, { number }: Round, batches: RoundBatches): AsyncGenerator<Moment, void, void> {
  yield rest('round');
  Object.assign(run.at, positionAt(number, 'learn'));
  const steps = async function* (): AsyncGenerator<Moment, void, void> {
    if (number === 1) yield* protectKnown(run);
    if (number === 1) yield* answerGeneralPrompts(run);
    yield* beginTask(run, batches);
  };
  yield* run.time.timed('begin', number, steps());
  run.reports.restartClock();
  yield rest();
}

/** Trains on a task: a step for each batch of every epoch, from the step where the run is. */
async function* learn(run: RunContext, round: Round, batches: RoundBatches): AsyncGenerator<Moment, void, void> {
  const { settings, learner, reports, at, time } = run;
  const { number } = round;
  const total = time.steps[number - 1];
  const course = rateCourse(settings.training, total);
  if (at.steps === 0) yield* doubtsAboutSteps(run, round, batches.name);
  const heldOut = heldOutLoss(run, round);
  const isOver = (): boolean => run.isEnough() || isIdle(run, number);
  time.startLearning();
  try {
    let step = 0;
    for (let epoch = 0; epoch < batches.epochs && !isOver(); epoch++) {
      const drawn = batches.ofEpoch(epoch, learner.rememberedExamples);
      await learner.reserve(drawn);
      for (const micro of chunks(drawn, settings.training.gradientAccumulation)) {
        if (++step <= at.steps) continue; // done before the run resumed
        const rate = rateFactor(course, step - 1);
        await learner.step(micro, rate);
        at.steps = step;
        at.paddedTokens += micro.flat().reduce((sum, { source }) => sum + source.length, 0);
        await reports.stepped(number, micro, rate);
        if (heldOut.isDue(step, total)) yield* validate(run, heldOut);
        yield time.progress(number, 'train', batches.name, [step, total, 'steps']);
        yield rest('step');
        if (isOver()) break;
      }
    }
  } finally {
    heldOut.destroy();
  }
  await reports.settle(number);
  time.countLearning(at);
  if (at.steps < total && !isIdle(run, number))
    yield { type: 'cut-short', round: number, steps: at.steps, planned: total };
  yield* endByLoss(run, number, total);
  yield rest();
}

/** Ends a task: the spaces grow by the directions that it used. */
async function* end(run: RunContext, round: Round, batches: RoundBatches): AsyncGenerator<Moment, void, void> {
  const tensors = yield* run.time.timed('end', round.number, endTask(run, round, batches));
  yield { type: 'space', round: round.number, tensors, stateBytes: run.learner.stateBytes };
  yield* doubtsAboutSpaces(run, round, tensors);
  run.at.phase = 'test';
}
