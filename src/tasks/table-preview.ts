import type { ErrorReport } from '../base/errors.ts';
import type { LabelDoubt } from './doubtful-labels.ts';
import type { TaskForm } from './forms.ts';
import type { FrameName } from './prompt.ts';
import type { LikelyKind } from './kinds.ts';

/** The part of a file shown while its columns are chosen, small even if the file is large. */
export interface TablePreview {
  /** The known layout that its columns have; null if they have none. */
  format: string | null;
  form: TaskForm;
  textColumn: string;
  inputColumn: string | null;
  labelColumn: string;
  frame: FrameName;
  /** The task's description in the file, for its question; null if it has none. */
  instruction: string | null;
  /** The kind and question that its labels suggest. */
  kind: LikelyKind;
  columns: string[];
  /** The beginnings of the cells of the first rows. */
  rows: string[][];
  /** Labels to ask about, also if they do not make a task yet. */
  doubts: LabelDoubt[];
  /** The content of these columns; null if they do not make a task. */
  found: {
    examples: number;
    /** Examples to test with the usual split; 0 if there are too few texts for a task. */
    tests: number;
    /** None if answers are free. */
    labels: { label: string; rows: number }[];
    /** The longest answer, in characters. */
    longest: number;
    /** The beginnings of the first examples: what comes before the answer, and the answer. */
    samples: { text: string; answer: string }[];
  } | null;
  /** Why they do not make a task. */
  problem: ErrorReport | null;
  /** Sentences about what was left out and what to check. */
  warnings: string[];
}
