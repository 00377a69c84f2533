import type { Batch } from '../../base/batch.ts';
import { Sha256 } from '../../base/sha256.ts';
import { needsOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import { encodeFree } from '../../tasks/encode-free.ts';
import { checkRefused, type EncodedExample } from '../../tasks/fit.ts';
import { freeAnswerLength } from '../../tasks/forms.ts';
import { GENERAL_PROMPTS, REPLAYED_PROMPTS } from '../../tasks/general-prompts.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { RunSettings } from '../settings/settings.ts';
import type { EncodedTask } from './encoded-task.ts';
import { protectedMost, sampleBatches, type SpaceSamples } from './space-samples.ts';

/**
 * Examples that are not learned, and what they use of the model is protected from the first task on: the general
 * prompts, then examples of each watched task. Most methods protect none.
 */
export type ProtectedExamples = readonly (readonly EncodedExample[])[];

/** The examples that a run protects. @throws GorpError `tasks/prompt-too-long`, `tasks/row-unwritable`. */
export async function protectedExamples(
  tokenizer: Tokenizer,
  { method, training }: Pick<RunSettings, 'method' | 'training'>,
  tasks: readonly Pick<EncodedTask, 'protects'>[],
): Promise<ProtectedExamples> {
  if (needsOf(planOf(method)).protects === undefined) return [];
  const { sourceLength, targetLength } = training;
  const lengths = { sourceLength, answerLength: freeAnswerLength(targetLength) };
  const { encoded, refused } = await encodeFree(tokenizer, GENERAL_PROMPTS, GENERAL_PROMPTS.train, lengths);
  checkRefused(GENERAL_PROMPTS.name, refused);
  return [encoded, ...tasks.map(({ protects }) => protects)].filter(({ length }) => length > 0);
}

/** Tokens of the base model's answer to a general prompt, at most: a sentence or two. */
export const GENERAL_ANSWER = 48;

/** Those general prompts that the base model answers, if the method replays what the base model answers to them. @throws GorpError `tasks/prompt-too-long`. */
export async function replayedPrompts(
  tokenizer: Tokenizer,
  { method, training: { sourceLength } }: Pick<RunSettings, 'method' | 'training'>,
): Promise<EncodedExample[]> {
  if (needsOf(planOf(method)).ownAnswers !== 'general') return [];
  const lengths = { sourceLength, answerLength: GENERAL_ANSWER };
  const { encoded, refused } = await encodeFree(
    tokenizer,
    GENERAL_PROMPTS,
    GENERAL_PROMPTS.train.slice(0, REPLAYED_PROMPTS),
    lengths,
  );
  checkRefused(GENERAL_PROMPTS.name, refused);
  return encoded.map(({ source }) => ({ source, label: [] }));
}

/** Batches of these examples for a space, equally many from each source. */
export function protectedSample(
  sources: ProtectedExamples,
  { batchSize }: Pick<RunSettings['training'], 'batchSize'>,
  samples: SpaceSamples,
): Batch[] {
  const most = Math.ceil(protectedMost(samples) / Math.max(1, sources.length));
  return sources.flatMap((examples) => sampleBatches(examples, most, { batchSize }, samples));
}

/**
 * Names what a run trains on, protects, replays and is tested on: SHA-256 over the tokens of every example, in order.
 *
 * @param others what it protects, and the general prompts that it replays.
 */
export async function dataHash(tasks: readonly EncodedTask[], others: ProtectedExamples): Promise<string> {
  const hash = await Sha256.begin();
  const add = (ids: readonly number[]): void => hash.update(new Uint8Array(Int32Array.of(ids.length, ...ids).buffer));
  const addAll = (examples: readonly EncodedExample[]): void => {
    for (const { source, label } of examples) {
      add(source);
      add(label);
    }
  };
  for (const { name, train, validation, test, candidates } of tasks) {
    hash.update(
      new TextEncoder().encode(
        `${name}\n${train.length} ${test.length} ${candidates.length}${validation.length > 0 ? ` ${validation.length}` : ''}\n`,
      ),
    );
    addAll([...train, ...validation, ...test]);
    for (const candidate of candidates) add(candidate);
  }
  others.forEach(addAll);
  return hash.digest();
}
