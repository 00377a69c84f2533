import * as v from 'valibot';
import type { DeviceChoice } from '../../base/device-choice.ts';
import { type ErrorReport, ErrorReportSchema } from '../../base/error-report.ts';
import { ONNX_DTYPES, type OnnxDtype } from '../../onnx/dtypes.ts';
import type { AnsweredExample } from '../../run/outputs/answers-over-rounds.ts';
import { RunSettingsSchema } from '../../run/settings.ts';
import type { ModelAccess } from '../../weights/source.ts';

/**
 * What the model is asked: a sentence in the template of a task, with the right answer where it is known, or a text as it
 * stands.
 */
export type Question =
  { kind: 'task'; task: string; sentence: string; label: string | null } | { kind: 'raw'; text: string };

/** With what models answer. */
export interface Answering {
  dtype: OnnxDtype;
  device: DeviceChoice;
  /** Bytes that the weights may take in the runtime. */
  limit: number;
  access: ModelAccess;
}

/** How and with what a question is answered. */
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

/** What the page may ask of the worker that tries models. It does one thing after another; `stop` breaks off an answer. */
export type TryCommand =
  /** Opens the rounds that this browser keeps, or those of files. */
  | { type: 'open'; files: readonly GivenFile[] | null; access: ModelAccess }
  | { type: 'examples'; task: string }
  | { type: 'ask'; asking: Asking }
  /** Asks the model before training the test examples of a task, from one of them on. */
  | { type: 'ask-examples'; task: string; from: number; answering: Answering }
  | { type: 'stop' };

const roundNumber = v.pipe(v.number(), v.integer(), v.minValue(0));

/** A run whose rounds can be tried. */
const TriedRunSchema = v.strictObject({
  id: v.string(),
  settings: RunSettingsSchema,
  rounds: v.array(v.strictObject({ round: roundNumber, name: v.string(), hasWeights: v.boolean() })),
  /** Tasks that rounds have tested, with their labels in the order of the prompt, and the rounds that tested them. */
  tasks: v.array(
    v.strictObject({
      name: v.string(),
      labels: v.array(v.string()),
      examples: v.number(),
      rounds: v.array(roundNumber),
    }),
  ),
  /** Bytes that the weights take in the runtime, by form; null where the model's config is not in this browser. */
  bytes: v.nullable(v.strictObject({ f32: v.number(), f16: v.number(), q8: v.number(), q4: v.number() })),
});
export type TriedRun = v.InferOutput<typeof TriedRunSchema>;

/** What onnxruntime-web computes on. `note` says why it is not the graphics card, where one was to be used. */
const TryRuntimeSchema = v.strictObject({
  provider: v.picklist(['webgpu', 'wasm']),
  note: v.nullable(v.string()),
});
export type TryRuntime = v.InferOutput<typeof TryRuntimeSchema>;

/** The whole answer after a round. */
const TriedAnswerSchema = v.strictObject({
  text: v.string(),
  /** Whether it is the right answer, as exact match has it; null where that is not known. */
  isRight: v.nullable(v.boolean()),
  /** The probability of each label of the task, in their order; empty for a raw prompt. */
  labels: v.array(v.strictObject({ label: v.string(), probability: v.number() })),
  /** Whether the sentence was cut to fit, as in training. */
  isCut: v.boolean(),
});
export type TriedAnswer = v.InferOutput<typeof TriedAnswerSchema>;

/** What is being done before a round can answer. */
const PreparationSchema = v.picklist(['runtime', 'base-model', 'round']);
export type Preparation = v.InferOutput<typeof PreparationSchema>;

/** A test example with the answers of rounds, as {@link AnsweredExample}. */
const AnsweredExampleSchema: v.GenericSchema<unknown, AnsweredExample> = v.strictObject({
  sentence: v.string(),
  label: v.string(),
  answers: v.array(v.strictObject({ round: roundNumber, written: v.string(), isRight: v.boolean() })),
});

/** What that worker tells the page. `done` or `failed` ends a question, and the examples that are asked. */
export const TryMessageSchema = v.variant('type', [
  /** A regular expression of the model's tokenizer.json begins to work on a text, and has come back from it. */
  v.strictObject({ type: v.literal('tokenizing'), model: v.string() }),
  v.strictObject({ type: v.literal('tokenized') }),
  v.strictObject({ type: v.literal('opened'), run: v.nullable(TriedRunSchema) }),
  v.strictObject({ type: v.literal('examples'), task: v.string(), examples: v.array(AnsweredExampleSchema) }),
  v.strictObject({ type: v.literal('preparing'), round: roundNumber, what: PreparationSchema }),
  v.strictObject({ type: v.literal('runtime'), runtime: TryRuntimeSchema }),
  v.strictObject({ type: v.literal('token'), round: roundNumber, text: v.string() }),
  v.strictObject({ type: v.literal('answered'), round: roundNumber, answer: TriedAnswerSchema }),
  /** The answer to a test example of a task before training; examples come in their order. */
  v.strictObject({
    type: v.literal('example-answered'),
    task: v.string(),
    dtype: v.picklist(ONNX_DTYPES),
    example: v.number(),
    answer: v.strictObject({ written: v.string(), isRight: v.boolean() }),
  }),
  /** A round cannot answer; the others are asked all the same. */
  v.strictObject({ type: v.literal('unanswered'), round: roundNumber, error: ErrorReportSchema }),
  v.strictObject({ type: v.literal('done'), isStopped: v.boolean() }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type TryMessage = v.InferOutput<typeof TryMessageSchema>;

/** What is shown of that, and of the worker's end. */
export type TryEvent =
  | Exclude<TryMessage, { type: 'tokenizing' | 'tokenized' }>
  /** The worker is no more, and with it the run that it had open. */
  | { type: 'ended'; error: ErrorReport };
