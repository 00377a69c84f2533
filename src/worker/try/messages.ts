import * as v from 'valibot';
import type { DeviceChoice } from '../../base/device-choice.ts';
import { type ErrorReport, ErrorReportSchema } from '../../base/error-report.ts';
import { ONNX_DTYPES, type OnnxDtype } from '../../onnx/dtypes.ts';
import type { AnsweredExample } from '../../run/outputs/answers-over-rounds.ts';
import { TASK_FORMS } from '../../tasks/forms.ts';
import { RunSettingsSchema } from '../../run/settings.ts';
import type { ModelAccess } from '../../weights/source.ts';

/** A question: a sentence for a task's prompt, with the right answer if known, or a raw prompt. */
export type Question =
  { kind: 'task'; task: string; sentence: string; label: string | null } | { kind: 'raw'; text: string };

/** Settings for answering. */
export interface Answering {
  dtype: OnnxDtype;
  device: DeviceChoice;
  /** Bytes that the weights may take in the runtime. */
  limit: number;
  access: ModelAccess;
}

/** How to answer a question. */
export interface Asking extends Answering {
  question: Question;
  /** Rounds to ask, in this order; 0 is the model before training. */
  rounds: readonly number[];
}

/** Files of rounds from disk: a folder's, or one zip of them. */
export interface GivenFile {
  path: string;
  file: Blob;
}

/** Commands to the worker that tries models. It does one thing after another; `stop` interrupts an answer. */
export type TryCommand =
  /** Opens the rounds stored in this browser, or those in files. */
  | { type: 'open'; files: readonly GivenFile[] | null; access: ModelAccess }
  | { type: 'examples'; task: string }
  | { type: 'ask'; asking: Asking }
  /** Asks the model before training the test examples of a task, starting at one of them. */
  | { type: 'ask-examples'; task: string; from: number; answering: Answering }
  | { type: 'stop' };

const roundNumber = v.pipe(v.number(), v.integer(), v.minValue(0));

/** A run whose rounds can be tried. */
const TriedRunSchema = v.strictObject({
  id: v.string(),
  settings: RunSettingsSchema,
  rounds: v.array(v.strictObject({ round: roundNumber, name: v.string(), hasWeights: v.boolean() })),
  /** Tasks that rounds tested, their labels in the order of the prompt, and the rounds that tested them. */
  tasks: v.array(
    v.strictObject({
      name: v.string(),
      form: v.picklist(TASK_FORMS),
      labels: v.array(v.string()),
      examples: v.number(),
      rounds: v.array(roundNumber),
    }),
  ),
  /**
   * Bytes that the weights take in the runtime, by weight format; null if the model's config is not in this browser.
   */
  bytes: v.nullable(v.strictObject({ f32: v.number(), f16: v.number(), q8: v.number(), q4: v.number() })),
});
export type TriedRun = v.InferOutput<typeof TriedRunSchema>;

/** The device of onnxruntime-web. `note` says why it is not the graphics card, if that was chosen. */
const TryRuntimeSchema = v.strictObject({
  provider: v.picklist(['webgpu', 'wasm']),
  note: v.nullable(v.string()),
});
export type TryRuntime = v.InferOutput<typeof TryRuntimeSchema>;

/** The whole answer after a round. */
const TriedAnswerSchema = v.strictObject({
  text: v.string(),
  /** Whether the answer is right, by exact match; null if unknown. */
  isRight: v.nullable(v.boolean()),
  /** The probability of each label of the task, in their order; empty for a raw prompt. */
  labels: v.array(v.strictObject({ label: v.string(), probability: v.number() })),
  /** Whether the sentence was cut to fit, as in training. */
  isCut: v.boolean(),
});
export type TriedAnswer = v.InferOutput<typeof TriedAnswerSchema>;

/** The current step before a round can answer. */
const PreparationSchema = v.picklist(['runtime', 'base-model', 'round']);
export type Preparation = v.InferOutput<typeof PreparationSchema>;

/** A test example with the answers of rounds, as {@link AnsweredExample}. */
const AnsweredExampleSchema: v.GenericSchema<unknown, AnsweredExample> = v.strictObject({
  sentence: v.string(),
  label: v.string(),
  others: v.array(v.string()),
  answers: v.array(
    v.strictObject({ round: roundNumber, written: v.string(), isRight: v.boolean(), rougeL: v.number() }),
  ),
});

/** Messages of that worker. `done` or `failed` ends a question or a request for examples. */
export const TryMessageSchema = v.variant('type', [
  /** The tokenizer starts on a text that may take it for ever, and has finished with it. */
  v.strictObject({ type: v.literal('tokenizing'), model: v.string() }),
  v.strictObject({ type: v.literal('tokenized') }),
  v.strictObject({ type: v.literal('opened'), run: v.nullable(TriedRunSchema) }),
  v.strictObject({ type: v.literal('examples'), task: v.string(), examples: v.array(AnsweredExampleSchema) }),
  v.strictObject({ type: v.literal('preparing'), round: roundNumber, what: PreparationSchema }),
  v.strictObject({ type: v.literal('runtime'), runtime: TryRuntimeSchema }),
  v.strictObject({ type: v.literal('token'), round: roundNumber, text: v.string() }),
  v.strictObject({ type: v.literal('answered'), round: roundNumber, answer: TriedAnswerSchema }),
  /** The answer to a test example of a task before training; examples come in order. */
  v.strictObject({
    type: v.literal('example-answered'),
    task: v.string(),
    dtype: v.picklist(ONNX_DTYPES),
    example: v.number(),
    answer: v.strictObject({ written: v.string(), isRight: v.boolean(), rougeL: v.number() }),
  }),
  /** A round cannot answer; the others are still asked. */
  v.strictObject({ type: v.literal('unanswered'), round: roundNumber, error: ErrorReportSchema }),
  v.strictObject({ type: v.literal('done'), isStopped: v.boolean() }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type TryMessage = v.InferOutput<typeof TryMessageSchema>;

/** The part of it that is shown, and the worker's end. */
export type TryEvent =
  | Exclude<TryMessage, { type: 'tokenizing' | 'tokenized' }>
  /** The worker has ended, and its open run is closed. */
  | { type: 'ended'; error: ErrorReport };
