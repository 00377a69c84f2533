import type { ErrorReport } from '../../base/errors.ts';
import type { ReadToken } from '../../tasks/reading.ts';
import type { Work } from '../../device/counting-device.ts';
import type { AnswerCount } from '../results/answers.ts';
import type { MemoryPlan } from '../planning/memory-plan.ts';
import type { TimeLeft } from '../planning/work-left.ts';
import type {
  Break,
  CommonQuestionsReport,
  CommonQuestionsRound,
  DeviceReport,
  GeneralTextReport,
  GeneralTextRound,
  LayerStatistics,
  OwnProbeReport,
  OwnProbeRound,
  Results,
  RunLabel,
  TensorSpace,
  TestTime,
} from '../results/results.ts';

/** The present work of a run. `kernels`, `weights`, `tokenize`, `evaluate`, `train` and `checkpoint` carry progress. */
export type Phase =
  | 'device'
  | 'kernels'
  | 'weights'
  | 'tasks'
  | 'tokenize'
  | 'compile'
  | 'evaluate'
  | 'train'
  | 'space'
  | 'answers'
  | 'save'
  | 'checkpoint';

interface Progress {
  type: 'progress';
  phase: Phase;
  /** Round 1..T; 0 before the first. */
  round: number;
  /** The current file or task. */
  item: string;
  done: number;
  total: number;
  unit: 'bytes' | 'steps' | 'examples' | 'items';
  /** Weights only: where the bytes come from. */
  source?: 'network' | 'cache';
  /** Recent download speed. */
  bytesPerSecond?: number;
  /** Seconds of work so far. */
  seconds: number;
  /** The work left in the whole run, once an estimate is possible. */
  timeLeft: TimeLeft | null;
}

/** Losses read back since the last event of this type; arrays of equal length, one entry per optimizer step. */
interface Steps {
  type: 'steps';
  round: number;
  /** Step within the run, from 1. */
  steps: number[];
  losses: number[];
  gradientNorms: number[];
  /** Factors of the learning rates: 1 for the rates as they are set. */
  rates: number[];
  /** Seconds of work when they were read. */
  seconds: number;
  tokensPerSecond: number;
  /** Every trained layer in the last of these steps; empty if unknown. */
  layers: LayerStatistics[];
}

/** R[round][task] by every score of the task, null by others; `round` 0 is before any training, `task` counts from 0. */
interface Evaluation {
  type: 'evaluation';
  round: number;
  task: number;
  exact: number | null;
  ranked: number | null;
  rougeL?: number;
  loss?: number;
  examples: number;
  /** How often a label was answered as which, of tasks with labels. */
  answers?: AnswerCount[];
  /** Which examples were right, by score: see {@link bitsText}. */
  right?: { exact?: string; ranked?: string };
  time: TestTime;
}

/** A measurement of the model besides its tasks: its subject, and before training (round 0) or after a round. */
type ProbeEvent = { readonly type: 'probe' } & (
  | {
      readonly probe: 'commonQuestions';
      readonly about: CommonQuestionsReport;
      readonly measured: CommonQuestionsRound;
    }
  | { readonly probe: 'generalText'; readonly about: GeneralTextReport; readonly measured: GeneralTextRound }
  | { readonly probe: 'own'; readonly about: OwnProbeReport; readonly measured: OwnProbeRound }
);

/** The events of a run, in order. Plain data: it crosses from the worker to the page. */
export type RunEvent =
  | { type: 'device'; device: DeviceReport }
  /**
   * Sent once tasks and model are known, and again after the loss of a device; without tasks by a run that stops earlier.
   * The results hold what earlier runs did. Later events add to them ({@link fold}) and never repeat them.
   */
  | { type: 'begin'; results: Results; stepsPerRound: number[] }
  | Progress
  | Steps
  /** The loss on held-out examples after a step of the run. */
  | { type: 'validation'; round: number; step: number; loss: number }
  | Evaluation
  | ProbeEvent
  /**
   * The state of the method after a round: its shared space, if any, and bytes besides the model and what it trains.
   */
  | {
      type: 'space';
      round: number;
      tensors: TensorSpace[];
      stateBytes: number;
    }
  /** The first example of the first task as the model reads it; sent before weights are fetched. */
  | {
      type: 'reading';
      task: string;
      tokens: ReadToken[];
    }
  /** The memory and the compute that the run will take; sent before weights are fetched. */
  | { type: 'memory-plan'; plan: MemoryPlan; work: Work }
  | {
      type: 'memory';
      liveBytes: number;
      peakBytes: number;
      liveBuffers: number;
    }
  /** `isNote`: what it says is by design. */
  | { type: 'warning'; message: string; isNote?: true }
  /** The device was lost; the run resumes from a step by itself (0: its beginning). With all its breaks so far. */
  | { type: 'recovering'; error: ErrorReport; step: number; breaks: Break[] }
  /** The round ended before its last step, as somebody asked; its tests and its files follow. */
  | { type: 'cut-short'; round: number; steps: number; planned: number }
  /**
   * The round ended by its losses on held-out examples: with the weights of this step of the run, after so many of its
   * planned steps.
   */
  | { type: 'ended-by-loss'; round: number; step: number; steps: number; planned: number }
  /** Somebody named the run, or wrote about it. */
  | { type: 'label'; label: RunLabel }
  /** `needsPerson`: it waits for something that only a person can do; the warning before says what. */
  | { type: 'paused'; needsPerson?: true }
  | { type: 'resumed' }
  /**
   * Told every second from Stop to the end: the run computes, and ends at the next place where nothing is lost, in about
   * so many seconds, if that is known.
   */
  | { type: 'stopping'; secondsLeft: number | null }
  | ({ type: 'finished' } & Ending)
  // Less is known if the worker was ended or crashed.
  | ({ type: 'stopped' } & Partial<Ending>)
  | ({ type: 'failed'; error: ErrorReport } & Partial<Ending>);

/** The facts that only the end of a run knows. */
interface Ending {
  /** Seconds of work. */
  readonly seconds: number;
  /** Buffers of the device that nobody freed. */
  readonly liveBuffers: number;
}

type EndEvent = Extract<RunEvent, { type: 'finished' | 'stopped' | 'failed' }>;

/** Whether an event is the last of its run. */
export const isEnd = (event: RunEvent): event is EndEvent =>
  event.type === 'finished' || event.type === 'stopped' || event.type === 'failed';

/**
 * Milliseconds without an event after which a run that was asked to stop counts as standing still, and is ended from
 * outside with its results so far. One that computes tells every second that it is `stopping`.
 */
export const SILENCE_MS = 10_000;

/** A place where nothing is half done: the run can be saved, paused or stopped here. */
export interface Rest {
  readonly type: 'rest';
  /** The work that has just ended, if somebody may ask a run to pause there. */
  readonly after: 'step' | 'round' | null;
}

export const rest = (after: Rest['after'] = null): Rest => ({ type: 'rest', after });

/** A moment of a run that teaches: an event, or a place where it can rest. */
export type Moment = RunEvent | Rest;
