import type { ErrorReport } from '../base/errors.ts';
import type { Work } from '../device/counting-device.ts';
import type { ReadToken } from '../tasks/reading.ts';
import type { MemoryPlan } from './memory-plan.ts';
import type { DeviceReport, HealthSample, ModelReport, Results, TaskReport, TensorSpace, TestTime } from './results.ts';

/** What a run is doing now. `weights`, `evaluate`, `train` and `checkpoint` carry progress. */
export type Phase = 'device' | 'weights' | 'tasks' | 'compile' | 'evaluate' | 'train' | 'space' | 'save' | 'checkpoint';

/** What a run tells while it goes on, in order. Plain data: it crosses from the worker to the page. */
export type RunEvent =
  | { type: 'device'; device: DeviceReport }
  /** Sent once tasks and model are known: everything the page needs to lay out its charts. */
  | {
      type: 'plan';
      tasks: TaskReport[];
      stepsPerRound: number[];
      model: ModelReport;
    }
  | {
      type: 'progress';
      phase: Phase;
      /** Round 1..T; 0 before the first. */
      round: number;
      /** What is worked on: a file or a task. */
      item: string;
      done: number;
      total: number;
      unit: 'bytes' | 'steps' | 'examples' | 'items';
      /** Weights only: where the bytes come from. */
      source?: 'network' | 'cache';
      /** Of late, from the network. */
      bytesPerSecond?: number;
      /** Estimated seconds left in the whole run, once there is something to estimate from. */
      secondsLeft: number | null;
    }
  /** Losses read back since the last such event; arrays of equal length, one entry per optimizer step. */
  | {
      type: 'steps';
      round: number;
      /** Step within the run, from 1. */
      steps: number[];
      losses: number[];
      gradientNorms: number[];
      tokensPerSecond: number;
      /** Every trained layer in the last of these steps; none where that is not known. */
      layers: HealthSample['layers'];
    }
  /** R[round][task], both ways of scoring; `round` 0 is before any training, `task` counts from 0. */
  | {
      type: 'evaluation';
      round: number;
      task: number;
      exact: number;
      ranked: number;
      examples: number;
      /** Null for a test of an earlier run that is told again. */
      time: TestTime | null;
    }
  /** The shared space after a round. */
  | { type: 'space'; round: number; tensors: TensorSpace[] }
  /** The first example of the first task as the model reads it; sent before weights are fetched. */
  | { type: 'reading'; task: string; tokens: ReadToken[] }
  /** What the run will take: memory, and what there is to compute; sent before weights are fetched. */
  | { type: 'memory-plan'; plan: MemoryPlan; work: Work }
  | { type: 'memory'; liveBytes: number; peakBytes: number; liveBuffers: number }
  | { type: 'warning'; message: string }
  /** The device was lost; the run goes on from a step by itself, 0 being its beginning. What came behind it is told again. */
  | { type: 'recovering'; error: ErrorReport; step: number }
  | { type: 'paused' }
  | { type: 'resumed' }
  | { type: 'finished'; results: Results }
  | { type: 'stopped'; results: Results }
  | { type: 'failed'; error: ErrorReport; results: Results | null };
