import type { DeviceChoice } from '../../base/device-choice.ts';
import type { ErrorReport } from '../../base/errors.ts';
import type { OnnxDtype } from '../../onnx/dtypes.ts';
import type { AnsweredExample } from '../../run/outputs/answers-over-rounds.ts';
import type { RunSettings } from '../../run/settings.ts';
import type { ModelAccess } from '../../weights/source.ts';

/**
 * What the model is asked: a sentence in the template of a task, with the right answer where it is known, or a text as it
 * stands.
 */
export type Question =
  { kind: 'task'; task: string; sentence: string; label: string | null } | { kind: 'raw'; text: string };

/** How and with what a question is answered. */
export interface Asking {
  question: Question;
  /** Rounds to ask, in this order; 0 is the model before training. */
  rounds: readonly number[];
  dtype: OnnxDtype;
  device: DeviceChoice;
  /** Bytes that the weights may take in the runtime. */
  limit: number;
  access: ModelAccess;
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
  | { type: 'stop' };

/** A run whose rounds can be tried. */
export interface TriedRun {
  id: string;
  settings: RunSettings;
  rounds: { round: number; name: string; hasWeights: boolean }[];
  /** Tasks that rounds have tested, with their labels in the order of the prompt, and the rounds that tested them. */
  tasks: { name: string; labels: string[]; examples: number; rounds: number[] }[];
  /** Bytes that the weights take in the runtime, by form; null where the model's config is not in this browser. */
  bytes: Record<OnnxDtype, number> | null;
}

/** What onnxruntime-web computes on. `note` says why it is not the graphics card, where one was to be used. */
export interface TryRuntime {
  provider: 'webgpu' | 'wasm';
  note: string | null;
}

/** The whole answer after a round. */
export interface TriedAnswer {
  text: string;
  /** Whether it is the right answer, as exact match has it; null where that is not known. */
  isRight: boolean | null;
  /** The probability of each label of the task, in their order; empty for a raw prompt. */
  labels: { label: string; probability: number }[];
  /** Whether the sentence was cut to fit, as in training. */
  isCut: boolean;
}

/** What is being done before a round can answer. */
export type Preparation = 'runtime' | 'base-model' | 'round';

export type TryEvent =
  | { type: 'opened'; run: TriedRun | null }
  | { type: 'examples'; task: string; examples: AnsweredExample[] }
  | { type: 'preparing'; round: number; what: Preparation }
  | { type: 'runtime'; runtime: TryRuntime }
  | { type: 'token'; round: number; text: string }
  | { type: 'answered'; round: number; answer: TriedAnswer }
  /** A round cannot answer; the others are asked all the same. */
  | { type: 'unanswered'; round: number; error: ErrorReport }
  | { type: 'done'; isStopped: boolean }
  | { type: 'failed'; error: ErrorReport };
