import * as v from 'valibot';
import { DEVICE_REASONS } from '../../base/device-choice.ts';
import { ErrorReportSchema } from '../../base/errors.ts';
import { MOST_LABELS, SCORES, TASK_FORMS } from '../../tasks/forms.ts';
import {
  cosine,
  count,
  finite,
  MOST_NAME,
  MOST_NOTES,
  MOST_QUESTIONS,
  MOST_TASKS,
  round,
  text,
  time,
} from '../settings/results-bounds.ts';
import { RunSettingsSchema } from '../settings/settings.ts';

const accuracy = v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(1)));
/** Rows 0..T (0 = before training), columns tasks 1..T; null if not measured. */
const AccuracyMatrixSchema = v.array(v.array(accuracy));

/** Losses by round and task, like accuracies; null where nothing was measured or the loss was not finite. */
const LossMatrixSchema = v.array(v.array(v.nullable(v.pipe(finite, v.minValue(0)))));

/** docs/method.md, section 6; null if the matrix lacks an entry. Fractions, not percent. */
export const MeasuresSchema = v.strictObject({
  /** Mean of R[T][·]. */
  averagePerformance: v.nullable(finite),
  /** Mean of R[t][1..t], for every t = 1..T. */
  averagePerformanceCurve: v.array(v.nullable(finite)),
  /** Mean over j < T of R[T][j] − R[j][j]. */
  backwardTransfer: v.nullable(finite),
  /** Mean over j < T of max over t of R[t][j], less R[T][j]. */
  forgetting: v.nullable(finite),
  /** Mean over j > 1 of R[j−1][j] − R[0][j]. */
  forwardTransfer: v.nullable(finite),
  /** Mean of R[j][j]. */
  justLearned: v.nullable(finite),
});
export type Measures = v.InferOutput<typeof MeasuresSchema>;

/** The measures of every score; of ROUGE-L and the loss only if there are tasks with free answers. */
export const AllMeasuresSchema = v.strictObject({
  exact: MeasuresSchema,
  ranked: MeasuresSchema,
  rougeL: v.exactOptional(MeasuresSchema),
  loss: v.exactOptional(MeasuresSchema),
});

const AccuracySchema = v.strictObject({
  exact: AccuracyMatrixSchema,
  ranked: AccuracyMatrixSchema,
  rougeL: v.exactOptional(AccuracyMatrixSchema),
  /** −log p per token of the answers. */
  loss: v.exactOptional(LossMatrixSchema),
});

const TensorSpaceSchema = v.strictObject({
  /** Hugging Face name of the layer, such as `encoder.block.0.layer.0.SelfAttention.q`. */
  name: text,
  part: v.picklist(['lora', 'full-rank']),
  /** Number of dimensions the space lives in. */
  dimension: count,
  /** Directions added after this round, and the total. */
  added: count,
  total: count,
  /** Share of this round's energy that the space held before anything was added. */
  heldBefore: finite,
  /** Energy of the remaining directions, largest first, as shares of the round's energy. */
  spectrum: v.array(finite),
  threshold: finite,
  /** ‖SᵀS − I‖max of a space of moments on the device; how far P of a space of inputs is from exact. */
  orthonormality: finite,
  /** Number of this task's own main directions, regardless of the space; at most 16. */
  directions: count,
  /**
   * How much of each of them lies in the space after this round: what it suppresses. Files of earlier versions do not
   * say.
   */
  suppressed: v.exactOptional(v.array(v.pipe(v.number(), v.minValue(0), v.maxValue(1)))),
  /** Cosines of the principal angles with the main directions of each earlier task (from 1), descending. */
  angles: v.array(v.strictObject({ task: round, cosines: v.array(cosine) })),
});
export type TensorSpace = v.InferOutput<typeof TensorSpaceSchema>;

/** A trained layer in one step. */
const LayerStatisticsSchema = v.strictObject({
  name: text,
  part: v.picklist(['lora', 'full-rank']),
  /** Norm of its gradient before clipping, of A and B together for adapters. */
  gradientNorm: finite,
  /** Share of the gradient's energy that lay in the shared space and was removed; null while there is none. */
  projectedAway: v.nullable(finite),
  /** Share of the update's energy that still falls in the shared space; null while there is none. */
  leakage: v.nullable(finite),
});

export type LayerStatistics = v.InferOutput<typeof LayerStatisticsSchema>;

/** All trained layers in one step. */
const LayerSampleSchema = v.strictObject({
  round,
  step: count,
  layers: v.array(LayerStatisticsSchema),
});
export type LayerSample = v.InferOutput<typeof LayerSampleSchema>;

const TaskReportSchema = v.strictObject({
  name: text,
  kind: text,
  /** The form of its answers; labels if missing. */
  form: v.optional(v.picklist(TASK_FORMS)),
  /** Its main score, if not the first of its form. */
  score: v.exactOptional(v.picklist(SCORES)),
  labels: v.pipe(v.array(text), v.maxLength(MOST_LABELS)),
  trainExamples: count,
  /** Training examples of a watched task that were drawn to protect what it uses of the model, if there are any. */
  protectedExamples: v.exactOptional(count),
  /** Examples held out from training, if there are any. */
  validationExamples: v.exactOptional(count),
  testExamples: count,
  /** SHA-256 of all its texts, labels and question, before any is drawn. Files of earlier versions do not say. */
  texts: v.optional(text),
  /** Tokens of its longest label, with the end; files of earlier versions lack it. */
  labelTokens: v.optional(count),
  /** That it is only tested, never learned. */
  watched: v.exactOptional(v.literal(true)),
  /** The loss per token of guessing among all tokens alike, of a watched task with free answers. */
  chanceLoss: v.exactOptional(v.pipe(finite, v.minValue(0))),
});
export type TaskReport = v.InferOutput<typeof TaskReportSchema>;

export const DeviceReportSchema = v.strictObject({
  vendor: text,
  architecture: text,
  description: text,
  /** True if the adapter computes on the CPU. */
  software: v.boolean(),
  /** The kind of device; results of versions that had only WebGPU do not say. */
  kind: v.optional(v.picklist(['webgpu', 'wasm']), 'webgpu'),
  /** Why this device, see {@link DeviceReason}. */
  why: v.optional(v.picklist(DEVICE_REASONS), 'asked'),
  features: v.array(text),
  limits: v.record(text, finite),
});
export type DeviceReport = v.InferOutput<typeof DeviceReportSchema>;

const ModelReportSchema = v.strictObject({
  name: text,
  /** The commit that a repository on the hub was pinned to. */
  commit: v.nullable(text),
  /** Names the content of its weight files (src/weights/model-files.ts); files of earlier versions lack it. */
  weights: v.optional(text),
  /** SHA-256 of its small files by name; null for those it lacks. Files of earlier versions do not say. */
  files: v.optional(v.record(text, v.nullable(text))),
  /** The local time that its chat template prints, fixed when the run began; only with `promptForm: chat`. */
  date: v.optional(text),
  parameters: count,
  trainable: count,
});
export type ModelReport = v.InferOutput<typeof ModelReportSchema>;

/** Tokens of prompts read and answers written in tests, without padding, and the time this took. */
const TestTimeSchema = v.strictObject({
  promptTokens: count,
  promptSeconds: finite,
  answerTokens: count,
  answerSeconds: finite,
});
export type TestTime = v.InferOutput<typeof TestTimeSchema>;

/** Answers before training (round 0) or after a round; null for questions not asked again, since they were wrong before. */
const CommonQuestionsRoundSchema = v.strictObject({
  round,
  answers: v.array(v.nullable(text)),
  right: v.array(v.boolean()),
});
export type CommonQuestionsRound = v.InferOutput<typeof CommonQuestionsRoundSchema>;

/** The questions of common knowledge, and SHA-256 of their prompts as tokens. */
const CommonQuestionsReportSchema = v.strictObject({
  hash: text,
  questions: v.pipe(v.array(v.strictObject({ id: text, question: text })), v.maxLength(MOST_QUESTIONS)),
});
export type CommonQuestionsReport = v.InferOutput<typeof CommonQuestionsReportSchema>;

/** A measure from outside: its name, and what it measures. */
const OwnProbeReportSchema = v.strictObject({ name: text, title: text });
export type OwnProbeReport = v.InferOutput<typeof OwnProbeReportSchema>;

/** A measurement before training (round 0) or after a round. */
const OwnProbeRoundSchema = v.strictObject({ round, value: finite });
export type OwnProbeRound = v.InferOutput<typeof OwnProbeRoundSchema>;

const bits = v.pipe(v.string(), v.regex(/^[\da-f]*$/));

/** The scores of general text before training (round 0) or after a round; null if they were not finite. */
const GeneralTextRoundSchema = v.strictObject({
  round,
  /** Mean −log p per token of each passage. */
  losses: v.array(v.nullable(finite)),
  /** KL(base ‖ model) per token of each passage, 0 but for rounding before training. */
  divergences: v.array(v.nullable(finite)),
  /** KL(base ‖ model) per token of the answers to test prompts, by task. */
  prompts: v.array(v.strictObject({ task: round, divergence: v.nullable(finite) })),
});
export type GeneralTextRound = v.InferOutput<typeof GeneralTextRoundSchema>;

/**
 * The ways to measure a model by a text: every token after those before it; the tokens of hidden spans, as T5 was
 * pre-trained; or the second half after the first, of an encoder-decoder without tokens that mark spans.
 */
const OBJECTIVES = ['next-token', 'spans', 'continuation'] as const;

const GeneralTextReportSchema = v.strictObject({
  /** `included`, or `own:NAME`. */
  name: text,
  /** SHA-256 of its passages as tokens. */
  hash: text,
  objective: v.picklist(OBJECTIVES),
  /** Tokens that a passage may have at most; a short run shortens them. */
  longest: count,
  /** Number of passages asked for; a text may give fewer. */
  asked: count,
  /** Tokens of each passage whose loss counts, and the bytes of UTF-8 that they stand for. */
  tokens: v.array(v.pipe(count, v.minValue(1))),
  bytes: v.array(count),
  /** Texts that the model cannot read, or that have no token to predict. */
  leftOut: count,
  /** Tokens of the answers to test prompts by task (from 1), at which KL is measured too. */
  prompts: v.array(v.strictObject({ task: round, tokens: count })),
});
export type GeneralTextReport = v.InferOutput<typeof GeneralTextReportSchema>;

/** A break: the run was restarted from a checkpoint, or lost its device and resumed by itself. */
const BreakSchema = v.strictObject({
  cause: v.picklist(['restart', 'device-lost']),
  /** The step it resumed from. */
  step: count,
  /** Completed steps that had to be repeated; null if unknown. */
  again: v.nullable(count),
});
export type Break = v.InferOutput<typeof BreakSchema>;

/** The results file, field by field. Its version increases when a field changes its meaning or is removed. */
export const FieldsSchema = v.strictObject({
  schema: v.literal('gorp-web/results'),
  version: v.literal(2),
  /** Unique among all runs; files of earlier versions lack it. */
  id: v.optional(v.pipe(v.string(), v.uuid())),
  /** A person's name for the run, and notes on it. */
  name: v.exactOptional(v.pipe(text, v.maxLength(MOST_NAME))),
  notes: v.exactOptional(v.pipe(text, v.maxLength(MOST_NOTES))),
  /** The program, and the plugins that it ran with, each by SHA-256 of its file. */
  code: v.strictObject({
    version: text,
    commit: text,
    plugins: v.exactOptional(v.pipe(v.array(v.strictObject({ name: text, sha256: text })), v.maxLength(MOST_TASKS))),
  }),
  status: v.picklist(['finished', 'stopped', 'failed']),
  error: v.nullable(ErrorReportSchema),
  startedAt: time,
  /** Seconds of work, without pauses. */
  seconds: finite,
  device: DeviceReportSchema,
  model: ModelReportSchema,
  settings: RunSettingsSchema,
  tasks: v.pipe(v.array(TaskReportSchema), v.maxLength(MOST_TASKS)),
  /** One entry per optimizer step, in columns of equal length. */
  curves: v.strictObject({
    round: v.array(round),
    step: v.array(count),
    loss: v.array(finite),
    gradientNorm: v.array(finite),
    /** Seconds of work since the start when the step's loss was read. */
    seconds: v.array(finite),
    /** Factor of the learning rates in the step; missing if it was 1 in all of them. */
    rate: v.exactOptional(v.array(v.pipe(finite, v.minValue(0), v.maxValue(1)))),
  }),
  /** The loss per token on examples held out from training, after steps of the run; null if it was not finite. */
  validation: v.exactOptional(v.array(v.strictObject({ round, step: count, loss: v.nullable(finite) }))),
  accuracy: AccuracySchema,
  measures: AllMeasuresSchema,
  /**
   * Answers to the tests of tasks with labels, by task (from 1) and round: how often a label was answered as which. Both
   * are indexes of the task's labels; any other answer has the index after the last. Files of earlier
   * versions do not say.
   */
  confusion: v.exactOptional(
    v.array(v.strictObject({ round, task: round, answers: v.array(v.tuple([count, count, count])) })),
  ),
  /**
   * Which test examples were right, by task (from 1) and round: hexadecimal digits of four examples each, the first in
   * the highest bit. Tests of the same task are on the same examples. Files of earlier versions do not say.
   */
  right: v.exactOptional(
    v.array(v.strictObject({ round, task: round, exact: v.exactOptional(bits), ranked: v.exactOptional(bits) })),
  ),
  /** Measurements of the model besides its tasks. Files of earlier versions lack it. */
  probes: v.exactOptional(
    v.strictObject({
      commonQuestions: v.exactOptional(
        v.pipe(
          v.strictObject({ ...CommonQuestionsReportSchema.entries, rounds: v.array(CommonQuestionsRoundSchema) }),
          v.check(
            ({ questions: { length }, rounds }) =>
              rounds.every(({ answers, right }) => answers.length === length && right.length === length),
            'Its questions and answers differ in number.',
          ),
        ),
      ),
      generalText: v.exactOptional(
        v.strictObject({ ...GeneralTextReportSchema.entries, rounds: v.array(GeneralTextRoundSchema) }),
      ),
      /** By probes of plugins, each with its own name. */
      own: v.exactOptional(
        v.pipe(
          v.array(v.strictObject({ ...OwnProbeReportSchema.entries, rounds: v.array(OwnProbeRoundSchema) })),
          v.maxLength(MOST_TASKS),
        ),
      ),
    }),
  ),
  spaces: v.array(v.strictObject({ round, tensors: v.array(TensorSpaceSchema) })),
  /**
   * The bytes that the method stores after each round besides the model and what it trains: shared spaces, importances,
   * remembered examples. Files of earlier versions do not say.
   */
  stateBytes: v.optional(v.array(v.strictObject({ round, bytes: count }))),
  /** Where the run was interrupted and resumed; files of earlier versions do not say. */
  breaks: v.optional(v.array(BreakSchema)),
  /** The tasks that the model knew when the run began, and the seconds they took; missing of a base model. */
  taughtBefore: v.exactOptional(v.strictObject({ tasks: count, seconds: finite })),
  /** Rounds that somebody ended before their last step, to keep what they had learned; missing if there are none. */
  cutShort: v.exactOptional(v.array(v.strictObject({ round, steps: count, planned: count }))),
  /**
   * Rounds that ended by their losses on held-out examples: with the weights of this step of the run, after so many of
   * their planned steps; missing if there are none.
   */
  endedByLoss: v.exactOptional(v.array(v.strictObject({ round, step: count, steps: count, planned: count }))),
  /** Statistics of every trained layer, sampled evenly over the run, at most 400 times. */
  health: v.array(LayerSampleSchema),
  /** Over all tests of this run; files of earlier versions lack it. */
  testTime: v.optional(TestTimeSchema),
  memory: v.strictObject({ peakBytes: count, liveBuffersAtEnd: count }),
});
export type Results = v.InferOutput<typeof FieldsSchema>;

/** Seconds that a run itself has worked, without the runs that taught its model before. */
export const ownSeconds = ({ seconds, taughtBefore }: Pick<Results, 'seconds' | 'taughtBefore'>): number =>
  seconds - (taughtBefore?.seconds ?? 0);
