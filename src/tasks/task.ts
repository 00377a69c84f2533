/** One labelled text. */
export interface Example {
  sentence: string;
  label: string;
}

/** A dataset of the benchmark, or of the user's own, as it is learned: docs/method.md, section 5. */
export interface Task {
  /** Name of the dataset, as in the prompt: agnews. */
  name: string;
  /** Kind of the benchmark, as in the prompt: TC. */
  kind: string;
  /** Ends in its own line feed. Null: the prompt names neither an instruction nor the options (COPA). */
  instruction: string | null;
  /** In the order the prompt names them. */
  labels: readonly string[];
  train: readonly Example[];
  dev: readonly Example[];
  test: readonly Example[];
}
