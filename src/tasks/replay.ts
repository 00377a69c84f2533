import { mixSeed, type Random, seededRandom, shuffled } from '../base/random.ts';

/** A row of a batch: the index of a new example, or of one in the memory. */
export interface MixedRow {
  readonly from: 'new' | 'memory';
  readonly index: number;
}

/**
 * Replaces a share of every batch by examples of earlier tasks, so that the number of steps and examples stays the
 * same. Each epoch draws again which new examples are replaced. Old examples come evenly from all earlier tasks; no
 * example of a task repeats before all have been seen.
 *
 * The share is exact over all batches so far, to within one row; with batches of one row, some batches are old.
 *
 * @param batches batches of new examples from `trainingOrder`.
 * @param tasks task of each example in the memory.
 * @param share share of old rows, in [0, 1).
 */
export function withReplay(
  batches: readonly (readonly number[])[],
  tasks: readonly number[],
  share: number,
  seed: number,
  epoch: number,
): MixedRow[][] {
  const fresh = (index: number): MixedRow => ({ from: 'new', index });
  if (tasks.length === 0 || share === 0) return batches.map((batch) => batch.map(fresh));
  const random = seededRandom(mixSeed(seed, 'replay', epoch));
  const old = inTurn(tasks, random);
  let seen = 0;
  return batches.map((batch) => {
    const count = Math.floor((seen + batch.length) * share) - Math.floor(seen * share);
    seen += batch.length;
    const leaves = new Set(shuffled([...batch.keys()], random).slice(0, count));
    return batch.map((index, row) => (leaves.has(row) ? { from: 'memory', index: old() } : fresh(index)));
  });
}

/** An endless sequence of examples that cycles through the tasks. */
function inTurn(tasks: readonly number[], random: Random): () => number {
  const decks = [...new Set(tasks)].map((task) => {
    const own = [...tasks.keys()].filter((i) => tasks[i] === task);
    return { own, left: [] as number[] };
  });
  let turn = random.below(decks.length);
  return () => {
    const deck = decks[turn++ % decks.length];
    if (deck.left.length === 0) deck.left = shuffled(deck.own, random);
    return deck.left.pop() as number;
  };
}
