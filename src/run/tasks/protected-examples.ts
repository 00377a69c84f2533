import type { Batch } from '../../base/batch.ts';
import { Sha256 } from '../../base/sha256.ts';
import { needsOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import { encodeFree } from '../../tasks/encode-free.ts';
import { checkRefused, type EncodedExample } from '../../tasks/fit.ts';
import { freeAnswerLength } from '../../tasks/forms.ts';
import { GENERAL_PROMPTS } from '../../tasks/general-prompts.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { RunSettings } from '../settings/settings.ts';
import type { EncodedTask } from './encoded-task.ts';
import { sampleBatches, type SpaceSamples } from './space-samples.ts';

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

/** Batches of these examples for a space, equally many from each source. */
export function protectedSample(
  sources: ProtectedExamples,
  { batchSize }: Pick<RunSettings['training'], 'batchSize'>,
  samples: SpaceSamples,
): Batch[] {
  const most = Math.ceil(samples.end / Math.max(1, sources.length));
  return sources.flatMap((examples) => sampleBatches(examples, most, { batchSize }, samples));
}

/** Names what a run trains on, protects and is tested on: SHA-256 over the tokens of every example, in order. */
export async function dataHash(tasks: readonly EncodedTask[], protects: ProtectedExamples): Promise<string> {
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
  protects.forEach(addAll);
  return hash.digest();
}
