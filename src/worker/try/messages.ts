import type { DeviceChoice } from '../../base/device-choice.ts';
import type { ErrorReport } from '../../base/errors.ts';
import type { OnnxDtype } from '../../onnx/dtypes.ts';
import type { Decoding } from '../../onnx/runtime/answers.ts';
import type { AnsweredExample } from '../../run/files/predictions.ts';
import type { TaskForm } from '../../tasks/forms.ts';
import type { Results } from '../../run/results/results.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import type { ModelAccess } from '../../weights/source.ts';
import type { ModelChoice } from '../protocol.ts';

/**
 * A question: a sentence for a task's prompt, with the right answer, if known, and others that count as right; a raw prompt; or the next turn of a
 * conversation, in which every round has answered for itself.
 */
export type Question =
  | { kind: 'task'; task: string; sentence: string; label: string | null; others: readonly string[] }
  | { kind: 'raw'; text: string }
  | { kind: 'chat'; system: string; before: readonly Exchange[]; text: string };

/** A turn of the person, and each round's answer. A round that did not answer does not remember the turn. */
export interface Exchange {
  text: string;
  answers: Readonly<Record<number, string>>;
}

/** How answers to raw prompts and in conversations are written; those to tasks as in the run's tests. */
export interface Writing extends Decoding {
  /** Maximum number of tokens in an answer. */
  most: number;
}

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
  writing: Writing;
}

/** Files of rounds from disk: a folder's, or one zip of them. */
export interface RoundFile {
  path: string;
  file: Blob;
}

/** Files of a run that a person has picked or dropped, and a name for all of them. */
export interface GivenRun {
  readonly name: string;
  readonly files: readonly RoundFile[];
}

/** Commands to the worker that tries models. It does one thing after another; `stop` interrupts an answer. */
export type TryCommand =
  /** Opens the rounds stored in this browser, or those in files. */
  | { type: 'open'; given: GivenRun | null; model: ModelChoice; access: ModelAccess }
  | { type: 'examples'; task: string }
  | { type: 'ask'; asking: Asking }
  /** Asks the model before training the test examples of a task, starting at one of them. */
  | { type: 'ask-examples'; task: string; from: number; answering: Answering }
  | { type: 'stop' };

/** A run whose rounds can be tried. */
export interface TriedRun {
  id: string;
  settings: RunSettings;
  /** The model after each task, by name: `after mails`. */
  rounds: { round: number; name: string; hasWeights: boolean }[];
  /** Tasks that it knows or rounds tested, their labels in the order of the prompt, and the rounds that tested them. */
  tasks: {
    name: string;
    form: TaskForm;
    labels: string[];
    examples: number;
    rounds: number[];
  }[];
  /** How often a label was answered as which; empty if an earlier version tested the rounds. */
  confusion: NonNullable<Results['confusion']>;
  /**
   * Bytes that the weights take in the runtime, by weight format; null if the model's config is not in this browser.
   */
  bytes: { f32: number; f16: number; q8: number; q4: number } | null;
  /** Whether it can hold a conversation: it is a decoder-only model, or has learned conversations. */
  converses: boolean;
}

/** The device of onnxruntime-web. `note` says why it is not the graphics card, if that was chosen. */
export interface TryRuntime {
  provider: 'webgpu' | 'wasm';
  note: string | null;
}

/** The whole answer after a round. */
export interface TriedAnswer {
  text: string;
  /** Whether the answer is right, by exact match; null if unknown. */
  isRight: boolean | null;
  /** The probability of each label of the task, in their order; empty for a raw prompt. */
  labels: { label: string; probability: number }[];
  /** Whether the sentence was cut to fit, as in training. */
  isCut: boolean;
  /** The limit that ended the answer, in tokens; null if the model ended it. */
  cutAt: number | null;
}

/** The current step before a round can answer. */
export type Preparation = 'runtime' | 'base-model' | 'round';

/** Messages of that worker. `done` or `failed` ends a question or a request for examples. */
export type TryMessage =
  /** The tokenizer starts on a text that may take it for ever, and has finished with it. */
  | { type: 'tokenizing'; model: string }
  | { type: 'tokenized' }
  /** `given` is as in the command: others may be opened by now. */
  | { type: 'opened'; run: TriedRun | null; given: GivenRun | null }
  | { type: 'examples'; task: string; examples: AnsweredExample[] }
  | { type: 'preparing'; round: number; what: Preparation }
  | { type: 'runtime'; runtime: TryRuntime }
  | { type: 'token'; round: number; text: string }
  | { type: 'answered'; round: number; answer: TriedAnswer }
  /** The answer to a test example of a task before training; examples come in order. */
  | {
      type: 'example-answered';
      task: string;
      dtype: OnnxDtype;
      example: number;
      answer: { written: string; isRight: boolean; rougeL: number };
    }
  /** A round cannot answer; the others are still asked. */
  | { type: 'unanswered'; round: number; error: ErrorReport }
  | { type: 'done'; isStopped: boolean }
  | { type: 'failed'; error: ErrorReport };

/** The part of it that is shown, and the worker's end. */
export type TryEvent =
  | Exclude<TryMessage, { type: 'tokenizing' | 'tokenized' }>
  /** The worker has ended, and its open run is closed. */
  | { type: 'ended'; error: ErrorReport };
