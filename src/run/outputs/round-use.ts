import * as v from 'valibot';
import { planOf } from '../../methods/registry.ts';
import { firstPresentable } from '../../tasks/presentable.ts';
import { PROMPT_FORMS } from '../../tasks/prompt-form.ts';
import { answerLengthIn } from '../task-data.ts';
import { type Prediction, promptOfPrediction, readPredictions } from './predictions.ts';
import type { SavedRound } from './saved-round.ts';

/** What a user has to know to use what a round trained. */
export const RoundUseSchema = v.strictObject({
  /** Its folder below those of all rounds: `logs_and_outputs/order_1/outputs/1-dbpedia`. */
  folder: v.string(),
  /** The base model as the settings name it, and its commit; null if it has none. */
  model: v.string(),
  commit: v.nullable(v.string()),
  isDecoderOnly: v.boolean(),
  /** Whether the round has an adapter, and weights trained full-rank. */
  hasAdapter: v.boolean(),
  hasWeights: v.boolean(),
  promptForm: v.picklist(PROMPT_FORMS),
  /** Maximum number of tokens in an answer, as in the round's test. */
  maxNewTokens: v.number(),
  /** A prompt of the round's test and its answer; null if the predictions are missing. */
  example: v.nullable(v.strictObject({ prompt: v.string(), answer: v.string() })),
});
export type RoundUse = v.InferOutput<typeof RoundUseSchema>;

/**
 * @param folder of the round, as in {@link RoundUseSchema}.
 * @param predictions the beginning of the round's `predict_eval_predictions.jsonl`; empty if there is none.
 */
export function useOfRound({ results, changed }: SavedRound, folder: string, predictions: string): RoundUse {
  const { settings, model } = results;
  const { adapters, fullRank } = planOf(settings.method);
  return {
    folder,
    model: settings.model,
    commit: model.commit,
    // Layers of T5 begin with `encoder.` or `decoder.`.
    isDecoderOnly: [...changed].some((layer) => layer.startsWith('model.layers.')),
    hasAdapter: adapters !== null,
    hasWeights: fullRank !== null,
    promptForm: settings.training.promptForm,
    maxNewTokens: answerLengthIn(results),
    example: exampleIn(predictions),
  };
}

/** Prefers a right answer. Unreadable predictions do not hide a round: it then has no example. */
function exampleIn(predictions: string): RoundUse['example'] {
  let answers: readonly Prediction[];
  try {
    answers = readPredictions(predictions);
  } catch {
    return null;
  }
  const right = answers.filter(({ written, label }) => written === label);
  const shown = firstPresentable(right.length > 0 ? right : answers, promptOfPrediction);
  return shown ? { prompt: promptOfPrediction(shown), answer: shown.written } : null;
}
