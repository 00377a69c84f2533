import type { Device } from '../../device/device.ts';
import type { Learner } from '../../gorp/learner.ts';
import type { Network } from '../../models/network.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { Evaluations } from '../evaluation/evaluation-programs.ts';
import { batchLosses } from '../evaluation/free-answers.ts';
import type { Moment } from '../events/events.ts';
import { courseOf, type HeldOutLosses } from '../results/held-out.ts';
import type { Round } from '../settings/schedule.ts';
import type { TrainingSettings } from '../settings/settings.ts';
import type { RunContext } from './run-context.ts';

/** The loss on examples held out from training, between two steps of a round. Changes nothing of the training. */
export class HeldOutLoss {
  readonly #device: Device;
  readonly #programs: Evaluations;
  readonly #examples: readonly EncodedExample[];
  readonly #training: TrainingSettings;

  /** @param learner in a task: its layers have the shapes of this round. */
  constructor(
    device: Device,
    network: Network,
    learner: Pick<Learner, 'layersInTraining'>,
    examples: readonly EncodedExample[],
    training: TrainingSettings,
  ) {
    this.#device = device;
    this.#programs = new Evaluations(device, network, learner.layersInTraining, 1);
    this.#examples = examples;
    this.#training = training;
  }

  /** Whether the loss is measured after a step. @param total steps of the round. */
  isDue(step: number, total: number): boolean {
    return this.#examples.length > 0 && (step % this.#training.validationSteps === 0 || step === total);
  }

  /** Mean −log p per token of the labels or answers. @throws GorpError `device/lost`. */
  async loss(): Promise<number> {
    const parts = { device: this.#device, programs: this.#programs, settings: this.#training };
    const losses = await batchLosses(parts, this.#examples, () => Promise.resolve());
    const tokens = losses.reduce((sum, one) => sum + one.tokens, 0);
    return losses.reduce((sum, { loss }) => sum + loss, 0) / tokens;
  }

  destroy(): void {
    this.#programs.destroy();
  }
}

/** The loss on the held-out examples of what a round learns. */
export function heldOutLoss({ device, network, learner, tasks, settings }: RunContext, { trains }: Round): HeldOutLoss {
  const examples = trains.flatMap((task) => tasks[task].validation);
  return new HeldOutLoss(device, network, learner, examples, settings.training);
}

/** Measures the held-out loss after a step, and stores the weights of the lowest if the task ends with those. */
export async function* validate(run: RunContext, heldOut: HeldOutLoss): AsyncGenerator<Moment, void, void> {
  const { settings, learner, reports, at, time, soFar } = run;
  await reports.settle(at.round); // its step is then the last one known
  const began = time.seconds;
  const loss = await heldOut.loss();
  time.did('validate', at.round, 1, time.seconds - began);
  yield { type: 'validation', round: at.round, step: soFar().curves.step.at(-1) ?? 0, loss };
  const losses = validationsOf(run, at.round).map((one) => one.loss);
  if (settings.training.loadBest === 'best' && courseOf(losses).lowest === losses.length - 1) {
    await learner.keepWeights();
  }
  reports.restartClock();
}

/** The losses on held-out examples in a round so far. */
const validationsOf = ({ soFar }: RunContext, round: number): HeldOutLosses =>
  (soFar().validation ?? []).filter((one) => one.round === round);

/** Whether so many validations in a row did not lower the loss that the round ends (early stopping). */
export function isIdle(run: RunContext, round: number): boolean {
  const { earlyStoppingPatience: patience, earlyStoppingThreshold } = run.settings.training;
  const losses = validationsOf(run, round).map(({ loss }) => loss);
  return patience > 0 && courseOf(losses, earlyStoppingThreshold).idle >= patience;
}

/** Takes the weights of the lowest loss on held-out examples, if a task ends with those, and says how the round ended. */
export async function* endByLoss(run: RunContext, round: number, planned: number): AsyncGenerator<Moment, void, void> {
  const { settings, learner, at, time, soFar } = run;
  const { loadBest } = settings.training;
  const { curves, endedByLoss = [] } = soFar();
  if (endedByLoss.some((one) => one.round === round)) return; // before the run resumed
  if (loadBest === 'last' && !isIdle(run, round)) return;
  const losses = validationsOf(run, round);
  const last = curves.step.at(-1) ?? 0;
  const { lowest } = courseOf(losses.map(({ loss }) => loss));
  const step = loadBest === 'last' || lowest < 0 ? last : losses[lowest].step;
  if (step !== last) await learner.takeKeptWeights();
  time.endsAfter(round, at.steps);
  yield { type: 'ended-by-loss', round, step, steps: at.steps, planned };
}
