import type { Beginning } from '../../models/network.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import type { Evaluations } from './evaluation-programs.ts';

/** With fewer shared tokens, reading them apart takes longer than reading them again. */
const LEAST = 8;

/**
 * The number of first tokens that all these prompts share, such as their instruction: to be read once for all. At least
 * one token of each prompt remains. 0 if it is not worth it.
 */
export function sharedTokens(prompts: readonly Pick<EncodedExample, 'source'>[]): number {
  if (prompts.length < 2) return 0;
  const [{ source: first }] = prompts;
  let shared = Infinity;
  for (const { source } of prompts) {
    const most = Math.min(shared, source.length - 1);
    shared = 0;
    while (shared < most && source[shared] === first[shared]) shared++;
  }
  return shared < LEAST ? 0 : shared;
}

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
