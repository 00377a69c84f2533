/** Sum of squared letters of tokens whose halves are looked for: a hundred times that of published vocabularies. */
const MOST_WORK = 2 ** 31;

/** Whether it would take long to find the halves of tokens. */
export const hasLongTokens = (tokens: readonly string[]): boolean =>
  tokens.reduce((sum, { length }) => sum + length ** 2, 0) > MOST_WORK;

/**
 * The merges of SentencePiece's BPE, which joins the two neighbours whose joined piece has the highest score: all ways to
 * put each piece together from two others, pieces of high scores first (`generate_merges` of transformers).
 *
 * @param tokens not {@link hasLongTokens}.
 * @param takesPart whether a token can be part of a merge, by its id.
 */
export function mergesByScore(
  tokens: readonly string[],
  scores: ArrayLike<number>,
  takesPart: (id: number) => boolean,
): [string, string][] {
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    if (takesPart(id)) ids.set(token, id);
  });
  const merges: { first: string; second: string; score: number; order: number }[] = [];
  for (const [piece, id] of ids) {
    const ways: { first: number; second: number }[] = [];
    for (let at = 1; at < piece.length; at++) {
      if (isLowSurrogate(piece.charCodeAt(at))) continue;
      const first = ids.get(piece.slice(0, at));
      if (first === undefined) continue;
      const second = ids.get(piece.slice(at));
      if (second !== undefined) ways.push({ first, second });
    }
    ways.sort((a, b) => a.first - b.first || a.second - b.second);
    for (const { first, second } of ways) {
      merges.push({ first: tokens[first], second: tokens[second], score: scores[id], order: merges.length });
    }
  }
  // Longer halves first among equal scores, as transformers sorts them; then in the order of the vocabulary.
  merges.sort(
    (a, b) =>
      b.score - a.score ||
      charactersOf(b.first) - charactersOf(a.first) ||
      charactersOf(b.second) - charactersOf(a.second) ||
      a.order - b.order,
  );
  return merges.map(({ first, second }) => [first, second]);
}

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code < 0xe000;

function charactersOf(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (!isLowSurrogate(text.charCodeAt(i))) count++;
  return count;
}
