import type { ErrorReport } from '../base/errors.ts';
import { randomId } from '../base/random-id.ts';
import type { StepRecord } from '../gorp/learner.ts';
import type { SavedRun } from './checkpoint/saved-run.ts';
import { measuresOf } from './measures.ts';
import type { SavedRound } from './outputs/saved-round.ts';
import { EvenSamples } from './samples.ts';
import type { Break, DeviceReport, LayerSample, Results, TaskReport, TensorSpace, TestTime } from './results.ts';
import type { RunSettings } from './settings.ts';

/** Maximum number of samples of layer statistics in a results file. */
export const MAX_SAMPLES = 400;
const NO_TIME: TestTime = { promptTokens: 0, promptSeconds: 0, answerTokens: 0, answerSeconds: 0 };
const noCurves = (): Results['curves'] => ({ round: [], step: [], loss: [], gradientNorm: [], seconds: [] });

/** Gathers the results of a run, and returns them as a results file at any time. */
export class RunRecord {
  readonly #settings: RunSettings;
  readonly #code: Results['code'];
  readonly #seconds: () => number;
  device: DeviceReport | undefined;
  model: Results['model'];
  memory: Results['memory'] = { peakBytes: 0, liveBuffersAtEnd: 0 };
  #id: string = randomId();
  #startedAt = new Date().toISOString();
  #secondsBefore = 0;
  /** {@link seconds} when it began or resumed. */
  #began = 0;
  #tasks: TaskReport[] = [];
  #curves = noCurves();
  #exact: Results['accuracy']['exact'] = [];
  #ranked: Results['accuracy']['ranked'] = [];
  #spaces: Results['spaces'] = [];
  #stateBytes: NonNullable<Results['stateBytes']> = [];
  #breaks: Break[] = [];
  #layerSamples = new EvenSamples<LayerSample>(MAX_SAMPLES);
  #testTime: TestTime = { ...NO_TIME };

  /** @param seconds of work of this run so far. */
  constructor(settings: RunSettings, code: Results['code'], seconds: () => number) {
    this.#settings = settings;
    this.#code = code;
    this.#seconds = seconds;
    this.model = { name: settings.model, commit: null, parameters: 0, trainable: 0 };
  }

  /** Whether there are results to show: device and tasks are known. */
  get isStarted(): boolean {
    return this.device !== undefined && this.#tasks.length > 0;
  }

  /** Begins, or begins again after the loss of a device, discarding earlier results. */
  start(tasks: TaskReport[]): void {
    if (this.#tasks.length > 0) this.#began = this.#seconds();
    this.#tasks = tasks;
    this.#secondsBefore = 0;
    this.#curves = noCurves();
    this.#spaces = [];
    this.#stateBytes = [];
    this.#layerSamples = new EvenSamples<LayerSample>(MAX_SAMPLES);
    this.#testTime = { ...NO_TIME };
    const empty = (): Results['accuracy']['exact'] =>
      Array.from({ length: tasks.length + 1 }, () => new Array<number | null>(tasks.length).fill(null));
    this.#exact = empty();
    this.#ranked = empty();
  }

  /** Resumes with the rows, curves and spaces of an earlier run that belong to its rounds and this run's tasks. */
  resume({ round, results }: Pick<SavedRound, 'round' | 'results'>): void {
    const { curves, accuracy, spaces, stateBytes, health } = results;
    for (const key of ['round', 'step', 'loss', 'gradientNorm', 'seconds'] as const) {
      for (const value of curves[key]) this.#curves[key].push(value);
    }
    const copy = (from: Results['accuracy']['exact'], to: Results['accuracy']['exact']): void => {
      for (let t = 0; t <= round; t++) {
        // A column is a task: the learned ones come first in both orders, the others may differ.
        from[t].forEach((value, j) => {
          if (results.settings.order[j] === this.#settings.order[j]) to[t][j] = value;
        });
      }
    };
    copy(accuracy.exact, this.#exact);
    copy(accuracy.ranked, this.#ranked);
    this.#spaces.push(...spaces);
    this.#stateBytes.push(...(stateBytes ?? []));
    for (const sample of health) this.#layerSamples.add(sample);
    this.#secondsBefore = results.seconds;
  }

  /** Unique to this run. */
  get id(): string {
    return this.#id;
  }

  /** Records the loss of the device. @param step that the run resumes from. */
  noteLoss(step: number): void {
    const done = this.#curves.step.at(-1) ?? 0;
    this.#breaks.push({ cause: 'device-lost', step, again: Math.max(0, done - step) });
  }

  /** Resumes the same run from a checkpoint. */
  takeUp({ results, sampling }: Pick<SavedRun, 'results' | 'sampling'>): void {
    // A run that resumes by itself has had more breaks than its checkpoint records.
    if (results.id !== this.#id) {
      const step = results.curves.step.at(-1) ?? 0;
      this.#breaks = [...(results.breaks ?? []), { cause: 'restart', step, again: null }];
    }
    const { id, startedAt, curves, accuracy, spaces, stateBytes = [], health, testTime = NO_TIME, seconds } = results;
    this.#id = id ?? this.#id;
    this.#startedAt = startedAt;
    this.#secondsBefore = seconds;
    this.#curves = structuredClone(curves);
    this.#exact = structuredClone(accuracy.exact);
    this.#ranked = structuredClone(accuracy.ranked);
    this.#spaces = spaces.slice();
    this.#stateBytes = stateBytes.slice();
    this.#layerSamples.takeUp(health, sampling);
    this.#testTime = { ...testTime };
  }

  /** How layer statistics are sampled. */
  get sampling(): { every: number; seen: number } {
    return this.#layerSamples.sampling;
  }

  /** Losses of a round's steps. */
  lossesOf(round: number): number[] {
    return this.#curves.loss.filter((_, i) => this.#curves.round[i] === round);
  }

  isMeasured(round: number, task: number): boolean {
    return this.#exact[round][task] !== null;
  }

  addSteps(round: number, steps: readonly number[], records: readonly StepRecord[], seconds: number): void {
    records.forEach(({ loss, gradientNorm }, i) => {
      this.#curves.round.push(round);
      this.#curves.step.push(steps[i]);
      this.#curves.loss.push(loss);
      this.#curves.gradientNorm.push(gradientNorm);
      this.#curves.seconds.push(this.#at(seconds));
    });
    this.#layerSamples.add({ round, step: steps[steps.length - 1], layers: records[records.length - 1].layers });
  }

  setAccuracy(round: number, task: number, { exact, ranked }: { exact: number; ranked: number }): void {
    this.#exact[round][task] = exact;
    this.#ranked[round][task] = ranked;
  }

  /** Bytes that the method stores after a round, besides the model and what it trains. */
  addStateBytes(round: number, bytes: number): void {
    this.#stateBytes.push({ round, bytes });
  }

  addTestTime(time: TestTime): void {
    for (const key of ['promptTokens', 'promptSeconds', 'answerTokens', 'answerSeconds'] as const) {
      this.#testTime[key] += time[key];
    }
  }

  addSpaces(round: number, tensors: TensorSpace[]): void {
    this.#spaces.push({ round, tensors });
  }

  /** Seconds of the run's work, including those before it resumed. */
  #at(seconds: number): number {
    return this.#secondsBefore + seconds - this.#began;
  }

  /** The results file so far. */
  results(status: Results['status'], error: ErrorReport | null): Results {
    const { device } = this;
    if (device === undefined) throw new Error('no results before the device is known');
    return {
      schema: 'gorp-web/results',
      version: 2,
      id: this.#id,
      code: this.#code,
      status,
      error,
      startedAt: this.#startedAt,
      seconds: this.#at(this.#seconds()),
      device,
      model: this.model,
      settings: this.#settings,
      tasks: this.#tasks,
      curves: this.#curves,
      accuracy: { exact: this.#exact, ranked: this.#ranked },
      measures: { exact: measuresOf(this.#exact), ranked: measuresOf(this.#ranked) },
      spaces: this.#spaces,
      stateBytes: this.#stateBytes,
      breaks: this.#breaks.slice(),
      health: this.#layerSamples.kept.slice(),
      testTime: { ...this.#testTime },
      memory: this.memory,
    };
  }
}
