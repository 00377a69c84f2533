import * as v from 'valibot';
import { ErrorReportSchema } from '../base/error-report.ts';
import { ReadTokenSchema } from '../tasks/reading.ts';
import { WorkSchema } from './duration.ts';
import { MemoryPlanSchema } from './memory-plan.ts';
import {
  DeviceReportSchema,
  LayerStatisticsSchema,
  ResultsSchema,
  TensorSpaceSchema,
  TestTimeSchema,
} from './results.ts';

/** Thousands of numbers: checks that they are an array, not the elements. */
const numbers = v.custom<number[]>(Array.isArray);

/** What a run is doing now. `weights`, `tokenize`, `evaluate`, `train` and `checkpoint` carry progress. */
const PhaseSchema = v.picklist([
  'device',
  'weights',
  'tasks',
  'tokenize',
  'compile',
  'evaluate',
  'train',
  'space',
  'save',
  'checkpoint',
]);
export type Phase = v.InferOutput<typeof PhaseSchema>;

const ProgressSchema = v.strictObject({
  type: v.literal('progress'),
  phase: PhaseSchema,
  /** Round 1..T; 0 before the first. */
  round: v.number(),
  /** The current file or task. */
  item: v.string(),
  done: v.number(),
  total: v.number(),
  unit: v.picklist(['bytes', 'steps', 'examples', 'items']),
  /** Weights only: where the bytes come from. */
  source: v.exactOptional(v.picklist(['network', 'cache'])),
  /** Recent download speed. */
  bytesPerSecond: v.exactOptional(v.number()),
  /** Seconds of work so far. */
  seconds: v.number(),
  /** Estimated seconds left in the whole run, once an estimate is possible. */
  secondsLeft: v.nullable(v.number()),
});

/** Losses read back since the last event of this type; arrays of equal length, one entry per optimizer step. */
const StepsSchema = v.pipe(
  v.strictObject({
    type: v.literal('steps'),
    round: v.number(),
    /** Step within the run, from 1. */
    steps: numbers,
    losses: numbers,
    gradientNorms: numbers,
    /** Seconds of work when they were read. */
    seconds: v.number(),
    tokensPerSecond: v.number(),
    /** Every trained layer in the last of these steps; empty if unknown. */
    layers: v.array(LayerStatisticsSchema),
  }),
  v.check(
    ({ steps, losses, gradientNorms }) => losses.length === steps.length && gradientNorms.length === steps.length,
    'steps, losses and gradientNorms differ in length',
  ),
);

/** R[round][task] by every score of the task, null by others; `round` 0 is before any training, `task` counts from 0. */
const EvaluationSchema = v.strictObject({
  type: v.literal('evaluation'),
  round: v.number(),
  task: v.number(),
  exact: v.nullable(v.number()),
  ranked: v.nullable(v.number()),
  rougeL: v.exactOptional(v.number()),
  loss: v.exactOptional(v.number()),
  examples: v.number(),
  time: TestTimeSchema,
});

/** The events of a run, in order. Plain data: it crosses from the worker to the page. */
export const RunEventSchema = v.variant('type', [
  v.strictObject({ type: v.literal('device'), device: DeviceReportSchema }),
  /**
   * Sent once tasks and model are known, and again after the loss of a device. The results hold what earlier runs did;
   * later events add to them ({@link fold}).
   */
  v.strictObject({ type: v.literal('begin'), results: ResultsSchema, stepsPerRound: v.array(v.number()) }),
  ProgressSchema,
  StepsSchema,
  EvaluationSchema,
  /** What the method holds after a round: its shared space, if any, and bytes besides the model and what it trains. */
  v.strictObject({
    type: v.literal('space'),
    round: v.number(),
    tensors: v.array(TensorSpaceSchema),
    stateBytes: v.number(),
  }),
  /** The first example of the first task as the model reads it; sent before weights are fetched. */
  v.strictObject({
    type: v.literal('reading'),
    task: v.string(),
    tokens: v.array(ReadTokenSchema),
  }),
  /** The memory and the compute that the run will take; sent before weights are fetched. */
  v.strictObject({ type: v.literal('memory-plan'), plan: MemoryPlanSchema, work: WorkSchema }),
  v.strictObject({
    type: v.literal('memory'),
    liveBytes: v.number(),
    peakBytes: v.number(),
    liveBuffers: v.number(),
  }),
  v.strictObject({ type: v.literal('warning'), message: v.string() }),
  /** The device was lost; the run resumes from a step by itself (0: its beginning), and repeats the `again` after it. */
  v.strictObject({ type: v.literal('recovering'), error: ErrorReportSchema, step: v.number(), again: v.number() }),
  v.strictObject({ type: v.literal('paused') }),
  v.strictObject({ type: v.literal('resumed') }),
  v.strictObject({ type: v.literal('finished'), results: ResultsSchema }),
  // Without results if the worker was ended or crashed: those so far remain.
  v.strictObject({ type: v.literal('stopped'), results: v.nullable(ResultsSchema) }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema, results: v.nullable(ResultsSchema) }),
]);
export type RunEvent = v.InferOutput<typeof RunEventSchema>;
