import type { Batch, TokenPair } from '../../base/batch.ts';
import { mixSeed } from '../../base/random.ts';
import type { Device } from '../../device/device.ts';
import type { Learner } from '../../gorp/learner.ts';
import type { Network } from '../../models/network.ts';
import { sizedBatch, trainingOrder } from '../../tasks/batches.ts';
import { encodeFree } from '../../tasks/encode-free.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { freeAnswerLength } from '../../tasks/forms.ts';
import { GENERAL_PROMPTS } from '../../tasks/general-prompts.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Place } from '../files/place-in-data.ts';
import { Evaluations } from '../evaluation/evaluation-programs.ts';
import { writeAnswers } from '../evaluation/free-answers.ts';
import type { RunSettings } from '../settings/settings.ts';

/** Tokens of an answer to a general prompt, at most: a sentence or two. */
export const REHEARSED_TOKENS = 48;
/** General prompts in a step. */
export const REHEARSED_ROWS = 8;

/** The general prompts as the model reads them; none if the run rehearses nothing. @throws GorpError `tasks/prompt-too-long`. */
export async function rehearsedPrompts(
  tokenizer: Tokenizer,
  { rehearsal, sourceLength, targetLength }: RunSettings['training'],
): Promise<EncodedExample[]> {
  if (rehearsal === 0) return [];
  const lengths = { sourceLength, answerLength: freeAnswerLength(targetLength) };
  const { encoded } = await encodeFree(tokenizer, GENERAL_PROMPTS, GENERAL_PROMPTS.train, lengths);
  return encoded.map(({ source }) => ({ source, label: [] }));
}

/**
 * The prompts with the answers of the model as it is now, up to a token that the tokenizer lacks; without those that have
 * none.
 *
 * @throws GorpError `device/…`.
 */
export async function answeredByModel(
  parts: { device: Device; network: Network; learner: Learner; tokenizer: Tokenizer; settings: RunSettings },
  prompts: readonly EncodedExample[],
  onBatch: (done: number) => Promise<void>,
): Promise<NonNullable<Place['rehearsed']>> {
  const { device, network, learner, tokenizer, settings } = parts;
  const programs = new Evaluations(device, network, learner.layers, REHEARSED_TOKENS + 1);
  try {
    const rows = settings.training.evaluationBatchSize;
    const answers = await writeAnswers({ device, network, programs }, prompts, rows, onBatch);
    return prompts.flatMap(({ source }, i) => {
      const foreign = answers[i].findIndex((id) => id >= tokenizer.size);
      const label = foreign < 0 ? answers[i] : answers[i].slice(0, foreign);
      return label.length === 0 ? [] : [{ source: [...source], label }];
    });
  } finally {
    programs.destroy();
  }
}

/**
 * The examples that a step rehearses: all in turn, in an order drawn for each pass.
 *
 * @param step of the round, from 1.
 */
export function rehearsedBatch(
  examples: readonly TokenPair[],
  { seed, sourceLength }: Pick<RunSettings['training'], 'seed' | 'sourceLength'>,
  round: number,
  step: number,
): Batch {
  const batchSize = Math.min(REHEARSED_ROWS, examples.length);
  const each = Math.floor(examples.length / batchSize);
  const pass = Math.floor((step - 1) / each);
  const all = trainingOrder(examples, batchSize, mixSeed(seed, 'rehearsal', round), pass);
  return sizedBatch(examples, all[(step - 1) % each], { batchSize, sourceLength });
}
