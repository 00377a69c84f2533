import * as v from 'valibot';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** JSON has no infinity; a loss that is not a number ends a run. */
const loss = v.pipe(
  v.nullable(v.number()),
  v.transform((value) => value ?? Infinity),
);

/** A completed test of a task, with what result files say of it. */
const TestSchema = v.strictObject({
  /** Index in the order, from 0. */
  task: count,
  batches: count,
  seconds: v.number(),
  answers: v.array(
    v.strictObject({
      text: v.string(),
      generated: count,
      loss,
      labelTokens: count,
      exactMatch: v.boolean(),
      rouge1: v.number(),
      rougeL: v.number(),
    }),
  ),
});

/** Where in its data a run is, at a boundary between two steps or two test batches. */
export const DataPositionSchema = v.strictObject({
  /** Current round; 0 before the first. */
  round: count,
  /** `begin`: testing the model that the run began with; `learn`: training in the round; `test`: testing after it. */
  phase: v.picklist(['begin', 'learn', 'test']),
  /** Completed optimizer steps of the round. */
  steps: count,
  /** Seconds of training in the round, and tokens of its prompts; with padding in the states of earlier builds. */
  seconds: v.number(),
  paddedTokens: count,
  /** Completed tests of the round. */
  tests: v.array(TestSchema),
});
export type DataPosition = v.InferOutput<typeof DataPositionSchema>;

/** The beginning of a round's training, or of a run's first tests. */
export const positionAt = (round: number, phase: 'begin' | 'learn'): DataPosition => ({
  round,
  phase,
  steps: 0,
  seconds: 0,
  paddedTokens: 0,
  tests: [],
});
