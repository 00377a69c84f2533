import * as v from 'valibot';
import { type DeviceChoice, DEVICE_REASONS } from '../base/device-choice.ts';
import { ErrorReportSchema } from '../base/error-report.ts';
import type { ThreadStart } from '../device/wasm/thread.mjs';
import type { OnnxDtype } from '../onnx/dtypes.ts';
import type { Milestone } from '../run/control.ts';
import { EffortSchema, SpeedSchema } from '../run/duration.ts';
import { MemoryPlanSchema } from '../run/memory-plan.ts';
import { RoundUseSchema } from '../run/outputs/round-use.ts';
import { type RunSettings, RunSettingsSchema } from '../run/settings.ts';
import { ModelModulesSchema } from '../run/trained-modules.ts';
import { ReadingSchema } from '../tasks/reading.ts';
import {
  ModelProgressSchema,
  StoredModelSchema,
  VerdictSchema,
  VerifyProgressSchema,
} from '../weights/model-messages.ts';
import type { ModelAccess } from '../weights/source.ts';

// What passes between the page and its workers. Commands are types: the page makes them. What a worker tells is a schema,
// which the page checks: after an update of the site a page and a worker of different versions may meet. A run tells its
// events (src/run/events.ts); the worker that reads files of examples has src/run/table-messages.ts.

/**
 * Texts that the page holds and a run needs, sent along with its start; a Blob is passed on, not copied. Unknown to the
 * results.
 */
export interface PageTasks {
  /** The CL_Benchmark folder that was picked: path below it → file. */
  folder: ReadonlyMap<string, Blob>;
  /** The user's custom tasks by name, each as JSON. */
  custom: ReadonlyMap<string, Blob>;
}

/** A worker that computes on the CPU asks the page for another thread. */
export interface ThreadRequest {
  type: 'start-thread';
  /** The thread's first message. */
  start: ThreadStart;
  /** Where the page answers, once. */
  port: MessagePort;
}

/** Null once the thread is ready, otherwise why it could not start. */
export type ThreadAnswer = string | null;

/** What the page may ask of the training worker. The access goes beside the settings, so that no record of them has it. */
export type WorkerCommand =
  | {
      type: 'start';
      settings: RunSettings;
      access: ModelAccess;
      tasks: PageTasks;
      rounds: RoundsChoice;
      checkpoints: CheckpointsChoice;
      device: DeviceChoice;
      /** Bytes of memory that the run may take; null where the person has not said. */
      memoryBudget: number | null;
      /** Share of the time that a graphics card may be kept busy, above 0 and at most 1. */
      gpuShare: number;
    }
  | { type: 'pause' }
  | { type: 'resume' }
  /** Saves a checkpoint as soon as can be: the page may be about to go away. */
  | { type: 'save' }
  /** Goes on to the end of the next optimizer step or of the round, and pauses there. */
  | { type: 'go-on-to'; milestone: Milestone }
  | { type: 'stop' };

/** What the page may ask a training worker instead of a run: how much memory a run with these settings would take. */
export interface PlanCommand {
  type: 'plan';
  settings: RunSettings;
  device: DeviceChoice;
  /** Without token where `mayAsk` is false. */
  access: ModelAccess;
  /** Whether the person has asked to look the model up, so that a hub or another server may be asked for its config. */
  mayAsk: boolean;
  /** Labels of each task of the order, empty where the page does not know them. */
  labels: string[][];
  /** The model's config.json from an earlier answer, so that it need not be fetched again; null where there is none. */
  config: unknown;
}

/** The answer, which is the only message. */
export const PlanAnswerSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('planned'),
    plan: MemoryPlanSchema,
    effort: EffortSchema,
    config: v.unknown(),
    modules: ModelModulesSchema,
  }),
  /** The config is not here, and no server may be asked for it yet. */
  v.strictObject({ type: v.literal('unknown-model') }),
  /** The device cannot hold it, or the config cannot be had or used: `modules` is null then. */
  v.strictObject({
    type: v.literal('unplanned'),
    error: ErrorReportSchema,
    modules: v.nullable(ModelModulesSchema),
  }),
]);
export type PlanAnswer = v.InferOutput<typeof PlanAnswerSchema>;

/** What the page may ask a training worker instead of a run: what the model would read first. */
export interface PreviewCommand {
  type: 'preview';
  settings: RunSettings;
  access: ModelAccess;
  tasks: PageTasks;
  /** Whether the person has asked to look it up, so that the servers of model and tasks may be asked. */
  mayAsk: boolean;
}

/** The answer, which is the only message. */
export const PreviewAnswerSchema = v.variant('type', [
  /** Null where the first task has no examples. */
  v.strictObject({ type: v.literal('preview'), preview: v.nullable(ReadingSchema) }),
  /** Model or tasks are on another server, which may not be asked yet. */
  v.strictObject({ type: v.literal('elsewhere') }),
  v.strictObject({ type: v.literal('no-preview'), error: ErrorReportSchema }),
]);
export type PreviewAnswer = v.InferOutput<typeof PreviewAnswerSchema>;

/** What the page may ask a training worker instead of a run: what it would compute on, and how fast that is. */
export interface LookCommand {
  type: 'look';
  device: DeviceChoice;
}

/** What a run would compute on. */
const DeviceOutlookSchema = v.strictObject({
  kind: v.picklist(['webgpu', 'wasm']),
  why: v.picklist(DEVICE_REASONS),
  name: v.string(),
  /** True where a graphics adapter computes on the CPU. */
  isSoftwareAdapter: v.boolean(),
  /** On the CPU; null on WebGPU. */
  threads: v.nullable(v.number()),
  /**
   * Why there is one thread only: the page is not isolated from others, there is one core, or no worker starts. Null
   * where there are several threads, and on WebGPU.
   */
  singleThread: v.nullable(v.picklist(['not-isolated', 'one-core', 'no-worker'])),
  /** Largest buffer. */
  bufferBytes: v.number(),
});
export type DeviceOutlook = v.InferOutput<typeof DeviceOutlookSchema>;
export type SingleThreadReason = NonNullable<DeviceOutlook['singleThread']>;

/** The answers: the device, then its speed; or why there is none. */
export const LookAnswerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('device'), outlook: DeviceOutlookSchema }),
  v.strictObject({ type: v.literal('speed'), speed: SpeedSchema }),
  v.strictObject({ type: v.literal('no-device'), error: ErrorReportSchema }),
]);
export type LookAnswer = v.InferOutput<typeof LookAnswerSchema>;

/** What the page may ask of the worker that keeps the models. It does one thing at a time; `break` ends a fetch. */
export type ModelsCommand =
  | { type: 'list' }
  | { type: 'fetch'; model: string; access: ModelAccess }
  | { type: 'break' }
  | { type: 'verify'; folder: string; access: ModelAccess }
  | { type: 'remove'; folder: string };

const bytes = v.pipe(v.number(), v.minValue(0));

/** What that worker tells the page. `stored` follows everything that may have changed the store. */
export const ModelsEventSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('stored'),
    models: v.array(StoredModelSchema),
    usageBytes: v.nullable(bytes),
    quotaBytes: v.nullable(bytes),
  }),
  v.strictObject({ type: v.literal('fetching'), model: v.string(), progress: ModelProgressSchema }),
  v.strictObject({ type: v.literal('fetched'), model: v.string() }),
  v.strictObject({ type: v.literal('broken-off'), model: v.string() }),
  v.strictObject({ type: v.literal('verifying'), folder: v.string(), progress: VerifyProgressSchema }),
  v.strictObject({ type: v.literal('verified'), folder: v.string(), verdict: VerdictSchema }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type ModelsEvent = v.InferOutput<typeof ModelsEventSchema>;

/** What is kept of a run's rounds, and whether it resumes from the last one that is. */
export interface RoundsChoice {
  /** Whether the weights of every round are kept, and not only those of the last. */
  everyRound: boolean;
  resumes: boolean;
}

/** How often a run is saved in the middle, and the checkpoint that it goes on from. */
export interface CheckpointsChoice {
  /** Seconds between two, at least; 0 for none. */
  everySeconds: number;
  /** The folder of {@link KeptCheckpoint}; null where the run begins, or goes on from a round. */
  from: string | null;
}

/** A run in the middle, as this browser keeps it. */
const KeptCheckpointSchema = v.strictObject({
  /** Where it lies. */
  folder: v.string(),
  /** Milliseconds since 1970. */
  savedAt: v.number(),
  bytes,
  /** The run that it is of. */
  id: v.optional(v.string()),
  settings: RunSettingsSchema,
  round: v.number(),
  /** Optimizer steps that are done in all. */
  step: v.number(),
});
export type KeptCheckpoint = v.InferOutput<typeof KeptCheckpointSchema>;

/** What the page may ask of the worker that looks after checkpoints, which answers once. */
export type CheckpointsCommand = { type: 'find' } | { type: 'drop'; folder: string };

/** The answer: the newest checkpoint that there is then. */
export const CheckpointsAnswerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('found'), checkpoint: v.nullable(KeptCheckpointSchema) }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type CheckpointsAnswer = v.InferOutput<typeof CheckpointsAnswerSchema>;

/** A round whose files are kept. */
const KeptRoundSchema = v.strictObject({
  /** `1-gloss`. */
  name: v.string(),
  bytes,
  /** Whether its adapter, weights and spaces are kept, and not its result files only. */
  hasWeights: v.boolean(),
});
export type KeptRound = v.InferOutput<typeof KeptRoundSchema>;

/** The last round whose weights are kept. */
const LastRoundSchema = v.strictObject({
  round: v.number(),
  /** Of its run. */
  settings: RunSettingsSchema,
  use: RoundUseSchema,
});
export type LastRound = v.InferOutput<typeof LastRoundSchema>;

/** A file of the kept rounds, by its path below them: `logs_and_outputs/order_1/outputs/1-dbpedia/round.json`. */
export interface KeptFile {
  path: string;
  file: File;
}

/** What the page may ask of the worker that writes files. `to` is where; null is the browser's downloads. */
export type ExportsCommand =
  | { type: 'list' }
  | { type: 'import'; files: KeptFile[] }
  | { type: 'zip'; name: string; to: FileSystemFileHandle | null }
  | { type: 'merge'; name: string; to: FileSystemFileHandle | null; access: ModelAccess }
  | { type: 'onnx'; name: string; to: FileSystemFileHandle | null; access: ModelAccess; dtype: OnnxDtype };

/** What that worker tells the page. `kept` ends every command that went well. */
export const ExportsEventSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('kept'),
    rounds: v.array(KeptRoundSchema),
    last: v.nullable(LastRoundSchema),
    /** Rounds after the last whose files cannot be used. */
    broken: v.array(v.string()),
  }),
  v.strictObject({ type: v.literal('writing'), bytes }),
  v.strictObject({ type: v.literal('written'), name: v.string(), file: v.nullable(v.instance(File)) }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type ExportsEvent = v.InferOutput<typeof ExportsEventSchema>;
