import { mixSeed, type Random, seededRandom, shuffled } from '../base/random.ts';

/** A row of a batch: a new example, or one of the memory, each by its index. */
export interface MixedRow {
  readonly from: 'new' | 'memory';
  readonly index: number;
}

/**
 * Replaces a share of every batch by examples of earlier tasks, so that steps and examples seen stay as many as without.
 * Which new ones make room is drawn anew in every epoch. Old ones come from all earlier tasks evenly, each task's in an
 * order of its own until all have been seen.
 *
 * The share holds over all batches so far, to less than a row: a batch of one row is old every so many times.
 *
 * @param batches of new examples, as `trainingOrder` gives them: their order and what is in them stay as they are.
 * @param tasks the task of each example of the memory.
 * @param share of old rows, in [0, 1).
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

/** Examples one task after the other, without end. */
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
