import { MAX_ANSWER } from '../../tasks/labels.ts';

/** Approximate letters per label token. */
const LETTERS = 3;
/** If labels are unknown, assumes as many, and as long ones, as dbpedia has: the most in CL_Benchmark. */
const MAX_LABELS = { candidates: 14, letters: 'Educational Institution'.length };

/** The answers of a task that has not been read: nodes and choices of the tree of its labels, and tokens of the longest. */
export function answersAhead(
  { targetLength }: { readonly targetLength: number },
  labels: readonly (readonly string[])[],
): { nodes: number; choices: number; T: number }[] {
  const most = targetLength === 0 ? MAX_ANSWER : targetLength;
  return labels.map((list) => {
    const { candidates, letters } =
      list.length === 0 ? MAX_LABELS : { candidates: list.length, letters: Math.max(...list.map((one) => one.length)) };
    const T = Math.min(most, Math.ceil(letters / LETTERS) + 1);
    // Labels that share nothing but the start token.
    return { nodes: 1 + candidates * (T - 1), choices: candidates * T, T };
  });
}
