import type { Learner } from '../../gorp/learner.ts';
import type { Device } from '../../device/device.ts';
import type { Network } from '../../models/network.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { Evaluations } from './evaluation-programs.ts';
import { batchLosses } from './free-answers.ts';
import type { TrainingSettings } from '../settings/settings.ts';

/** The loss on examples held out from training, between two steps of a round. Changes nothing of the training. */
export class Validation {
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
