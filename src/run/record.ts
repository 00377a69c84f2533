import type { ErrorReport } from '../base/errors.ts';
import type { StepRecord } from '../gorp/learner.ts';
import { measuresOf } from './measures.ts';
import type { DeviceReport, Results, TaskReport, TensorSpace } from './results.ts';
import type { RunSettings } from './settings.ts';

/** Gathers what a run finds out, and gives it as a results file at any time. */
export class RunRecord {
  device: DeviceReport | undefined;
  model: Results['model'];
  memory: Results['memory'] = { peakBytes: 0, liveBuffersAtEnd: 0 };
  readonly #startedAt = new Date().toISOString();
  #tasks: TaskReport[] = [];
  readonly #curves: Results['curves'] = { round: [], step: [], loss: [], gradientNorm: [], seconds: [] };
  #exact: Results['accuracy']['exact'] = [];
  #ranked: Results['accuracy']['ranked'] = [];
  readonly #spaces: Results['spaces'] = [];
  readonly #projectedAway: Results['projectedAway'] = [];

  /** @param seconds of work so far. */
  constructor(
    private readonly settings: RunSettings,
    private readonly code: Results['code'],
    private readonly seconds: () => number,
  ) {
    this.model = { name: settings.model, commit: null, parameters: 0, trainable: 0 };
  }

  /** Whether there is anything to show: device and tasks are known. */
  get isStarted(): boolean {
    return this.device !== undefined && this.#tasks.length > 0;
  }

  start(tasks: TaskReport[]): void {
    this.#tasks = tasks;
    const empty = (): Results['accuracy']['exact'] =>
      Array.from({ length: tasks.length + 1 }, () => new Array<number | null>(tasks.length).fill(null));
    this.#exact = empty();
    this.#ranked = empty();
  }

  addSteps(round: number, steps: readonly number[], records: readonly StepRecord[], seconds: number): void {
    records.forEach(({ loss, gradientNorm }, i) => {
      this.#curves.round.push(round);
      this.#curves.step.push(steps[i]);
      this.#curves.loss.push(loss);
      this.#curves.gradientNorm.push(gradientNorm);
      this.#curves.seconds.push(seconds);
    });
    const tensors = records[records.length - 1].projectedAway;
    if (tensors.length > 0) this.#projectedAway.push({ round, step: steps[steps.length - 1], tensors });
  }

  setAccuracy(round: number, task: number, { exact, ranked }: { exact: number; ranked: number }): void {
    this.#exact[round][task] = exact;
    this.#ranked[round][task] = ranked;
  }

  addSpaces(round: number, tensors: TensorSpace[]): void {
    this.#spaces.push({ round, tensors });
  }

  /** The results file as it stands. */
  results(status: Results['status'], error: ErrorReport | null): Results {
    const { device } = this;
    if (device === undefined) throw new Error('no results before the device is known');
    return {
      schema: 'gorp-web/results',
      version: 1,
      code: this.code,
      status,
      error,
      startedAt: this.#startedAt,
      seconds: this.seconds(),
      device,
      model: this.model,
      settings: this.settings,
      tasks: this.#tasks,
      curves: this.#curves,
      accuracy: { exact: this.#exact, ranked: this.#ranked },
      measures: { exact: measuresOf(this.#exact), ranked: measuresOf(this.#ranked) },
      spaces: this.#spaces,
      projectedAway: this.#projectedAway,
      memory: this.memory,
    };
  }
}
