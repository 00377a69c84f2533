import { planOf } from '../../methods/registry.ts';
import type { PromptForm } from '../../tasks/prompt-form.ts';
import { promptOfAnswer, readAnswers } from './predictions.ts';
import type { SavedRound } from './saved-round.ts';

/** What a person has to know of a round to use what it has trained. */
export interface RoundUse {
  /** Its folder below those of all rounds: `logs_and_outputs/order_1/outputs/1-dbpedia`. */
  readonly folder: string;
  /** The base model as the settings name it, and the commit it was at; null where it has none. */
  readonly model: string;
  readonly commit: string | null;
  readonly isDecoderOnly: boolean;
  /** Whether the round has an adapter, and changes of full-rank weights. */
  readonly hasAdapter: boolean;
  readonly hasDeltas: boolean;
  readonly promptForm: PromptForm;
  /** Tokens of an answer at most, as the round was tested. */
  readonly maxNewTokens: number;
  /** A prompt of the round's test, and what the model wrote to it; null where its predictions are not there. */
  readonly example: { readonly prompt: string; readonly answer: string } | null;
}

/**
 * @param folder of the round, see {@link RoundUse.folder}.
 * @param predictions the beginning of the round's `predict_eval_predictions.jsonl`; empty where there is none.
 */
export function useOfRound({ results, changed }: SavedRound, folder: string, predictions: string): RoundUse {
  const { settings, model } = results;
  const { adapters, fullRank } = planOf(settings.method);
  const answers = readAnswers(predictions);
  const shown = answers.find(({ Prediction, Instance }) => Prediction === Instance.label) ?? answers.at(0);
  return {
    folder,
    model: settings.model,
    commit: model.commit,
    // Layers of T5 begin with `encoder.` or `decoder.`.
    isDecoderOnly: [...changed].some((layer) => layer.startsWith('model.layers.')),
    hasAdapter: adapters !== null,
    hasDeltas: fullRank !== null,
    promptForm: settings.training.promptForm,
    maxNewTokens: settings.training.targetLength,
    example: shown ? { prompt: promptOfAnswer(shown), answer: shown.Prediction } : null,
  };
}
