import * as v from 'valibot';
import { type DeviceChoice, DEVICE_REASONS } from '../base/device-choice.ts';
import { ErrorReportSchema } from '../base/error-report.ts';
import type { ThreadStart } from '../device/wasm/thread.mjs';
import type { GgufDtype } from '../gguf/dtypes.ts';
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
  GgufFileSchema,
  StoredModelSchema,
  VerdictSchema,
  VerifyProgressSchema,
} from '../weights/model-messages.ts';
import type { ModelAccess } from '../weights/source.ts';

// Messages between the page and its workers. Commands are types: the page makes them. Messages of a worker have a
// schema, which the page checks: after an update of the site, a page and a worker of different versions may meet. A run
// sends its events (src/run/events.ts); the worker that reads files of examples has src/run/table-messages.ts.

/**
 * Texts that the page holds and a run needs, sent when it starts; a Blob is passed on, not copied. Results do not
 * contain them.
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

/** Commands to the training worker. Access stays apart from the settings, so that no record of them contains it. */
export type WorkerCommand =
  | {
      type: 'start';
      settings: RunSettings;
      access: ModelAccess;
      tasks: PageTasks;
      rounds: RoundsChoice;
      checkpoints: CheckpointsChoice;
      device: DeviceChoice;
      /** Bytes of memory that the run may take; null if the user set no limit. */
      memoryBudget: number | null;
      /** Share of a graphics card's time that the run may use, above 0 and at most 1. */
      gpuShare: number;
    }
  | { type: 'pause' }
  | { type: 'resume' }
  /** Saves a checkpoint as soon as possible: the page may be about to close. */
  | { type: 'save' }
  /** Continues to the end of the next optimizer step or of the round, and pauses there. */
  | { type: 'go-on-to'; milestone: Milestone }
  | { type: 'stop' };

/** Asks a training worker, instead of a run, how much memory a run with these settings would take. */
export interface PlanCommand {
  type: 'plan';
  settings: RunSettings;
  device: DeviceChoice;
  /** Without token if `mayAsk` is false. */
  access: ModelAccess;
  /** Whether the user asked to look up the model, so that its config may be requested from a hub or another server. */
  mayAsk: boolean;
  /** Labels of each task of the order, empty if the page does not know them. */
  labels: string[][];
  /** The model's config.json from an earlier answer, to avoid fetching it again; null if there is none. */
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
  /** The config is not stored here, and no server may be asked for it yet. */
  v.strictObject({ type: v.literal('unknown-model') }),
  /** The device cannot hold it, or the config cannot be fetched or used (then `modules` is null). */
  v.strictObject({
    type: v.literal('unplanned'),
    error: ErrorReportSchema,
    modules: v.nullable(ModelModulesSchema),
  }),
]);
export type PlanAnswer = v.InferOutput<typeof PlanAnswerSchema>;

/** Asks a training worker, instead of a run, what the model would read first. */
export interface PreviewCommand {
  type: 'preview';
  settings: RunSettings;
  access: ModelAccess;
  tasks: PageTasks;
  /** Whether the user asked to look it up, so that the servers of model and tasks may be asked. */
  mayAsk: boolean;
}

/** The answer, which is the only message. */
export const PreviewAnswerSchema = v.variant('type', [
  /** Null if the first task has no examples. */
  v.strictObject({ type: v.literal('preview'), preview: v.nullable(ReadingSchema) }),
  /** Model or tasks are on another server, which may not be asked yet. */
  v.strictObject({ type: v.literal('elsewhere') }),
  v.strictObject({ type: v.literal('no-preview'), error: ErrorReportSchema }),
]);
export type PreviewAnswer = v.InferOutput<typeof PreviewAnswerSchema>;

/** Asks a training worker, instead of a run, which device it would use, and its speed. */
export interface LookCommand {
  type: 'look';
  device: DeviceChoice;
}

/** The device that a run would use. */
const DeviceOutlookSchema = v.strictObject({
  kind: v.picklist(['webgpu', 'wasm']),
  why: v.picklist(DEVICE_REASONS),
  name: v.string(),
  /** True if a graphics adapter computes on the CPU. */
  isSoftwareAdapter: v.boolean(),
  /** On the CPU; null on WebGPU. */
  threads: v.nullable(v.number()),
  /**
   * Why there is only one thread: the page is not isolated, there is one core, or no worker starts. Null with several
   * threads, and on WebGPU.
   */
  singleThread: v.nullable(v.picklist(['not-isolated', 'one-core', 'no-worker'])),
  /** Bytes of the largest buffer. */
  bufferBytes: v.number(),
});
export type DeviceOutlook = v.InferOutput<typeof DeviceOutlookSchema>;
export type SingleThreadReason = NonNullable<DeviceOutlook['singleThread']>;

/** The answers: the device, then its speed; or why there is no device. */
export const LookAnswerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('device'), outlook: DeviceOutlookSchema }),
  v.strictObject({ type: v.literal('speed'), speed: SpeedSchema }),
  v.strictObject({ type: v.literal('no-device'), error: ErrorReportSchema }),
]);
export type LookAnswer = v.InferOutput<typeof LookAnswerSchema>;

/** Commands to the worker that manages the models. It does one thing at a time; `break` ends a fetch. */
export type ModelsCommand =
  | { type: 'list' }
  | { type: 'fetch'; model: string; access: ModelAccess }
  | { type: 'break' }
  | { type: 'list-ggufs'; model: string; access: ModelAccess }
  | { type: 'verify'; folder: string; access: ModelAccess }
  | { type: 'remove'; folder: string };

const bytes = v.pipe(v.number(), v.minValue(0));

/** Messages of that worker. `stored` follows everything that may have changed the store. */
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
  v.strictObject({ type: v.literal('ggufs'), model: v.string(), files: v.array(GgufFileSchema) }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type ModelsEvent = v.InferOutput<typeof ModelsEventSchema>;

/** What is stored of a run's rounds, and whether it resumes from the last stored one. */
export interface RoundsChoice {
  /** Whether to store the weights of every round, not only of the last. */
  everyRound: boolean;
  resumes: boolean;
}

/** How often to save checkpoints of a run, and the one it resumes from. */
export interface CheckpointsChoice {
  /** Seconds between two, at least; 0 for none. */
  everySeconds: number;
  /** The folder of {@link KeptCheckpoint}; null if the run begins, or resumes from a round. */
  from: string | null;
}

/** A checkpoint stored in this browser. */
const KeptCheckpointSchema = v.strictObject({
  /** Its folder. */
  folder: v.string(),
  /** Milliseconds since 1970. */
  savedAt: v.number(),
  bytes,
  /** The run it belongs to. */
  id: v.optional(v.string()),
  settings: RunSettingsSchema,
  round: v.number(),
  /** Optimizer steps done in all. */
  step: v.number(),
});
export type KeptCheckpoint = v.InferOutput<typeof KeptCheckpointSchema>;

/** Commands to the worker that manages checkpoints, which answers once. */
export type CheckpointsCommand = { type: 'find' } | { type: 'drop'; folder: string };

/** The answer: the newest checkpoint after the command. */
export const CheckpointsAnswerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('found'), checkpoint: v.nullable(KeptCheckpointSchema) }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type CheckpointsAnswer = v.InferOutput<typeof CheckpointsAnswerSchema>;

/** A stored round. */
const KeptRoundSchema = v.strictObject({
  /** `1-gloss`. */
  name: v.string(),
  bytes,
  /** Whether its adapter, weights and spaces are stored, not only its result files. */
  hasWeights: v.boolean(),
});
export type KeptRound = v.InferOutput<typeof KeptRoundSchema>;

/** The last round whose weights are stored. */
const LastRoundSchema = v.strictObject({
  round: v.number(),
  /** Settings of its run. */
  settings: RunSettingsSchema,
  use: RoundUseSchema,
});
export type LastRound = v.InferOutput<typeof LastRoundSchema>;

/** A file of the stored rounds, by its path below them: `logs_and_outputs/order_1/outputs/1-dbpedia/round.json`. */
export interface KeptFile {
  path: string;
  file: File;
}

/** What the rounds of a run have stored in this browser. */
const KeptModelSchema = v.strictObject({
  /** Its folder in the private file system. */
  folder: v.string(),
  bytes,
  /** Milliseconds since 1970. */
  savedAt: v.number(),
  /** Whether it is the one that Results, Try it and resuming use. */
  isShown: v.boolean(),
  /** The run that saved the last round; null if no round can be read. */
  run: v.nullable(v.string()),
  round: v.number(),
  settings: v.nullable(RunSettingsSchema),
});
export type KeptModel = v.InferOutput<typeof KeptModelSchema>;

/** Commands to the worker that writes files. `to` is the target; null means the browser's downloads. */
export type ExportsCommand =
  | { type: 'list' }
  /** Uses the model of another run, or removes that of a run. */
  | { type: 'use-model' | 'remove-model'; folder: string }
  | { type: 'import'; files: KeptFile[] }
  | { type: 'zip'; name: string; to: FileSystemFileHandle | null }
  | { type: 'merge'; name: string; to: FileSystemFileHandle | null; access: ModelAccess }
  | { type: 'onnx'; name: string; to: FileSystemFileHandle | null; access: ModelAccess; dtype: OnnxDtype }
  /** `dtype` is null for the adapter alone. */
  | { type: 'gguf'; name: string; to: FileSystemFileHandle | null; access: ModelAccess; dtype: GgufDtype | null };

/** Messages of that worker. `kept` ends every command that succeeded. */
export const ExportsEventSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('kept'),
    rounds: v.array(KeptRoundSchema),
    last: v.nullable(LastRoundSchema),
    /** Rounds after the last whose files cannot be used. */
    broken: v.array(v.string()),
    models: v.array(KeptModelSchema),
  }),
  v.strictObject({ type: v.literal('writing'), bytes }),
  v.strictObject({ type: v.literal('written'), name: v.string(), file: v.nullable(v.instance(File)) }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type ExportsEvent = v.InferOutput<typeof ExportsEventSchema>;
