import { sharedTokens } from '../../models/decoder-batch.ts';
import type { Beginning } from '../../models/network.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import type { Evaluations } from './evaluation-programs.ts';

/** The examples without the first tokens of their prompts, which were read before. */
export const afterBeginning = (examples: readonly EncodedExample[], tokens: number): readonly EncodedExample[] =>
  tokens === 0 ? examples : examples.map((example) => ({ ...example, source: example.source.slice(tokens) }));

/**
 * Reads what all prompts of a test begin with, where that can be read once for all.
 *
 * @returns it, and the examples with what remains of their prompts.
 * @throws GorpError as {@link Evaluations.readBeginning}.
 */
export async function readShared(
  programs: Pick<Evaluations, 'sharesBeginnings' | 'readBeginning'>,
  examples: readonly EncodedExample[],
): Promise<{ beginning: Beginning | undefined; rests: readonly EncodedExample[] }> {
  const tokens = programs.sharesBeginnings ? sharedTokens(examples) : 0;
  const beginning = await programs.readBeginning(examples.at(0)?.source.slice(0, tokens) ?? []);
  return { beginning, rests: afterBeginning(examples, tokens) };
}
