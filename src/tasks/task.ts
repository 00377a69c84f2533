/** One labelled text. */
export interface Example {
  sentence: string;
  label: string;
}

/** A dataset to learn, from the benchmark or the user: docs/method.md, section 5. */
export interface Task {
  /** Name of the dataset, as in the prompt: agnews. */
  name: string;
  /** Its kind, as in the prompt: TC. */
  kind: string;
  /** Ends in a line feed. Null if the prompt has neither instruction nor options (COPA). */
  instruction: string | null;
  /** In the order of the prompt. */
  labels: readonly string[];
  train: readonly Example[];
  dev: readonly Example[];
  test: readonly Example[];
}
