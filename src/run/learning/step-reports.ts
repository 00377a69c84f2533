import type { Batch } from '../../base/batch.ts';
import { GorpError } from '../../base/errors.ts';
import type { Device } from '../../device/device.ts';
import type { Learner, StepRecord } from '../../gorp/learner.ts';
import type { Network } from '../../models/network.ts';
import { memoryOf, type RunHost } from '../events/host.ts';
import type { RunTime } from './run-time.ts';

/**
 * Whether the numbers of a model have left the range of f32. RMS norm turns values that are too large into zeros. The
 * loss may then stay finite, but no longer depends on any trained weight.
 */
function isBroken({ loss, gradientNorm }: StepRecord): boolean {
  return !Number.isFinite(loss) || !Number.isFinite(gradientNorm) || (gradientNorm === 0 && loss > 0);
}

/**
 * The error of a diverged run, naming what broke first.
 *
 * @param record of the broken step.
 * @param parameters of the model, in the order in which it uses them.
 */
function diverged(step: number, record: StepRecord, parameters: readonly string[]): GorpError {
  return new GorpError(
    'run/not-finite',
    `Training has diverged: in step ${step} ${whatBroke(record, parameters)}.`,
    'Start again with a smaller learning rate.',
  );
}

function whatBroke({ loss, gradientNorm, layers }: StepRecord, parameters: readonly string[]): string {
  if (!Number.isFinite(loss)) return 'the loss is no longer a number';
  if (gradientNorm === 0) return 'the gradient is zero: the loss no longer depends on any trained weight';
  const place = ({ name }: { name: string }): number => parameters.indexOf(`${name}.weight`);
  // Gradients flow from the last layer to the first, so the last bad one broke first.
  const bad = layers.filter((layer) => !Number.isFinite(layer.gradientNorm)).toSorted((a, b) => place(b) - place(a));
  if (bad.length === 0) return 'the norm of all gradients together overflows';
  const others = bad.length === 1 ? '' : `, then those of ${bad.length - 1} more`;
  return `the gradient of ${bad[0].name}${bad[0].part === 'lora' ? ' (adapter)' : ''} is no longer a number${others}`;
}

// Approximate seconds of training between two reports.
const REPORT_SECONDS = 0.25;

/** The parts that reports need, and who receives them. */
interface ReportParts {
  readonly device: Device;
  readonly network: Network;
  readonly learner: Learner;
  readonly host: Pick<RunHost, 'emit'>;
  readonly time: Pick<RunTime, 'seconds' | 'did'>;
}

/** Reads loss and norms a few steps after a step was submitted, and reports them. */
export class StepReports {
  readonly #parts: ReportParts;
  /** Steps of the run with known losses. */
  #step: number;
  /** Factors of the learning rates in the steps since the last report. */
  #rates: number[] = [];
  /** Tokens of the prompts since the last report. */
  #tokens = 0;
  #since: number;
  /** Seconds of one of the last steps; undefined before the first. */
  #stepSeconds: number | undefined;
  #pending: Promise<void> | undefined;

  /** @param step the last reported step of a resumed run, else 0. */
  constructor(parts: ReportParts, step: number) {
    this.#parts = parts;
    this.#step = step;
    this.#since = parts.time.seconds;
  }

  /** Call after each step: reports when due. @param batches of the step. @param rate factor of its learning rates. */
  async stepped(round: number, batches: readonly Batch[], rate: number): Promise<void> {
    const { learner } = this.#parts;
    this.#rates.push(rate);
    for (const { source } of batches.flat()) this.#tokens += source.length;
    const every = Math.max(1, Math.round(REPORT_SECONDS / (this.#stepSeconds ?? REPORT_SECONDS)));
    if (learner.untakenSteps >= Math.min(every, learner.ringSteps)) await this.#report(round);
  }

  /** Reads the numbers of the steps that the device has yet to finish. @throws GorpError `run/not-finite`. */
  async settle(round: number): Promise<void> {
    await this.#report(round);
    await this.#pending;
  }

  /** Approximate seconds until the steps that have begun are done; null before the first is known. */
  get secondsLeft(): number | null {
    if (this.#stepSeconds === undefined) return null;
    const { learner, time } = this.#parts;
    return Math.max(0, (learner.untakenSteps + 1) * this.#stepSeconds - (time.seconds - this.#since));
  }

  /** Restarts the clock: the time since was not training. */
  restartClock(): void {
    this.#since = this.#parts.time.seconds;
  }

  /** Waits for a pending read, since it holds a buffer. It returns the last losses. */
  async end(): Promise<void> {
    await this.#pending?.catch(() => undefined);
  }

  /** Requests the numbers of the steps so far, once those requested before have arrived: one report ahead. */
  async #report(round: number): Promise<void> {
    await this.#pending;
    const { learner } = this.#parts;
    const count = learner.untakenSteps;
    if (count === 0) return;
    const tokens = this.#tokens;
    this.#tokens = 0;
    this.#pending = this.#take(round, this.#rates.splice(0, count), tokens);
    this.#pending.catch(() => undefined); // handled by the next await
  }

  async #take(round: number, rates: readonly number[], tokens: number): Promise<void> {
    const count = rates.length;
    const { device, network, learner, host, time } = this.#parts;
    const records = await learner.takeRecords();
    const now = time.seconds;
    const seconds = now - this.#since;
    this.#since = now;
    this.#stepSeconds = seconds / count;
    time.did('train', round, count, seconds);
    const broken = records.findIndex(isBroken);
    const sound = broken < 0 ? records : records.slice(0, broken);
    const steps = sound.map((_, i) => this.#step + i + 1);
    this.#step += sound.length;
    if (sound.length > 0) {
      host.emit({
        type: 'steps',
        round,
        steps,
        losses: sound.map(({ loss }) => loss),
        gradientNorms: sound.map(({ gradientNorm }) => gradientNorm),
        rates: rates.slice(0, sound.length),
        seconds: now,
        tokensPerSecond: tokens / seconds,
        layers: sound[sound.length - 1].layers,
      });
    }
    host.emit({ type: 'memory', ...memoryOf(device) });
    if (broken >= 0) throw diverged(this.#step + 1, records[broken], [...network.shapes.keys()]);
  }
}
