/**
 * What a part asks of those who run, plan or export a method and do not know its parts. What it does not ask for is
 * absent.
 */
export interface PartNeeds {
  /** Whose inputs of layers it reads at the beginning of a task: some examples, or as many as at the end. */
  readonly inputsAtBegin?: 'some' | 'all';
  /** Whether it reads the inputs of layers at the end of a task. */
  readonly inputsAtEnd?: true;
  /** Prompts that it reads at the beginning and at the end of a task, at most. */
  readonly prompts?: number;
  /** Examples that it reads one by one at the end of a task, at most. */
  readonly singles?: number;
  /** Share of every batch that comes from examples of earlier tasks, in [0, 1). */
  readonly replayShare?: number;
  /** Whether it reads the adapter pairs of earlier tasks one by one, so that they cannot be added to the weights. */
  readonly earlierPairs?: true;
  /** Whether it must know the number of tasks. */
  readonly taskCount?: true;
  /** What the model could do before that it protects: general prompts, or watched tasks too. */
  readonly protects?: 'general' | 'watched';
  /** Whether what the model computes depends on the prompt beyond its weights: formats of weights alone cannot hold it. */
  readonly byPrompt?: true;
}
