import { needsOf } from '../../gorp/part/method-plan.ts';
import { weightTensor } from '../../gorp/part/state.ts';
import { planOf } from '../../methods/registry.ts';
import { firstPresentable } from '../../tasks/reading.ts';
import type { PromptForm } from '../../tasks/prompt.ts';
import type { TaskDefinition } from '../../tasks/task.ts';
import { answerLengthIn } from '../tasks/encoded-task.ts';
import { type Prediction, promptOfPrediction, readPredictions } from './predictions.ts';
import type { SavedRound } from './saved-round.ts';

/** The facts that a user needs to use what a round trained. */
export interface RoundUse {
  /** Its folder below those of all rounds: `logs_and_outputs/order_1/outputs/1-dbpedia`. */
  folder: string;
  /** The base model as the settings name it, and its commit; null if it has none. */
  model: string;
  commit: string | null;
  isDecoderOnly: boolean;
  /** Whether the round has an adapter, and weights trained full-rank. */
  hasAdapter: boolean;
  hasWeights: boolean;
  /** Whether what it computes depends on the prompt beyond its weights: PEFT and GGUF cannot hold that. */
  isByPrompt: boolean;
  promptForm: PromptForm;
  /** Maximum number of tokens in an answer, as in the round's test. */
  maxNewTokens: number;
  /** Names of what the model has learned, in order; and those whose questions exports hold, with the forms of answers. */
  learned: readonly string[];
  tasks: readonly Pick<TaskDefinition, 'name' | 'form'>[];
  /** A prompt of the round's test and its answer, and the text of a task in it; null if the predictions are missing. */
  example: { prompt: string; answer: string; task: string; text: string } | null;
}

/**
 * @param folder of the round, as in {@link RoundUse}.
 * @param predictions the beginning of the round's `predict_eval_predictions.jsonl`; empty if there is none.
 */
export function useOfRound(
  { round, results, changed, state }: SavedRound,
  folder: string,
  predictions: string,
): RoundUse {
  const { settings, model } = results;
  const { names } = state.learner.tensors;
  return {
    folder,
    model: settings.model,
    commit: model.commit,
    isDecoderOnly: isDecoderOnly(changed),
    hasAdapter: names.some((name) => name.endsWith('.lora_A.weight')),
    hasWeights: [...changed].some((layer) => names.includes(weightTensor(layer))),
    isByPrompt: needsOf(planOf(settings.method)).byPrompt !== undefined,
    promptForm: settings.training.promptForm,
    maxNewTokens: answerLengthIn(results),
    learned: settings.order.slice(0, round),
    tasks: state.lessons.map(({ definition: { name, form } }) => ({ name, ...(form !== undefined && { form }) })),
    example: exampleIn(predictions),
  };
}

/** Whether trained layers are those of a decoder-only model. Layers of T5 begin with `encoder.` or `decoder.`. */
export const isDecoderOnly = (layers: ReadonlySet<string>): boolean =>
  [...layers].some((layer) => layer.startsWith('model.layers.'));

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
  if (!shown) return null;
  return { prompt: promptOfPrediction(shown), answer: shown.written, task: shown.task, text: shown.sentence };
}
