import * as v from 'valibot';
import { orderId, PUBLISHED_ORDERS } from '../../tasks/orders.ts';

/**
 * The folder of an order's result files, as the released scripts lay them out: `logs_and_outputs/order_3/outputs`. An
 * order that was not published is `order_custom`.
 */
export function ordersFolder(order: readonly string[]): string {
  const isThis = ({ rounds }: (typeof PUBLISHED_ORDERS)[number]): boolean =>
    rounds.length === order.length && rounds.every(({ dataset }, i) => dataset === order[i]);
  const published = PUBLISHED_ORDERS.find(isThis);
  return `logs_and_outputs/order_${published === undefined ? 'custom' : orderId(published)}/outputs`;
}

/**
 * The folder of a round within it: `1-dbpedia`. Characters of a task's name that a file system may refuse become `_`.
 */
export const roundFolder = (round: number, name: string): string => `${round}-${name.replaceAll(/[^\w.-]+/g, '_')}`;

/** Names of the files of a round that hold what was trained, below the round's folder. */
export const ADAPTER_FILE = 'adapter/adapter_model.safetensors';
export const ADAPTER_CONFIG_FILE = 'adapter/adapter_config.json';
/** W of the layers trained full-rank, under the names of the model. */
export const WEIGHTS_FILE = 'full_rank_weights.safetensors';
/** The file of what earlier tasks left: shared spaces, main directions, a method's own tensors, frozen pairs. */
export const STATE_FILE = 'state.safetensors';
/** Within a task: what a step passes to the next. */
export const STEP_FILE = 'step.safetensors';
/** Completes a round; written last. */
export const ROUND_FILE = 'round.json';
/** Completes a checkpoint; written last. */
export const CHECKPOINT_FILE = 'checkpoint.json';
/** The model's answers to every example of the round's test. */
export const PREDICTIONS_FILE = 'predict_eval_predictions.jsonl';
/** The model's answers in tasks that are only tested, which the released code does not have. */
export const WATCHED_FILE = 'watched_predictions.jsonl';
/** Files in a round's folder besides its result files. */
export const TRAINED_NAMES: readonly string[] = ['adapter', WEIGHTS_FILE, STATE_FILE, ROUND_FILE];

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
