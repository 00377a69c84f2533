import { beginsWith, compareTokens, textOf } from '../base/batch.ts';
import { mixSeed, seededRandom, shuffled } from '../base/random.ts';
import type { EncodedExample } from './fit.ts';

/** Prompt lengths that are proposed are multiples of this many tokens. */
export const SOURCE_BUCKET = 16;

// Batches drawn together and sorted by length within this pool.
const POOL_BATCHES = 8;

/**
 * The examples in chains, each of which begins with the whole text of the one before it, as an answer of a conversation
 * follows the earlier ones: a model that reads a text once reads a chain as its last example. Most are alone.
 */
export function chainsOf(examples: readonly EncodedExample[]): number[][] {
  const texts = examples.map(textOf);
  const order = [...examples.keys()].sort((a, b) => compareTokens(texts[a], texts[b]) || a - b);
  const chainOf = new Map<number, number[]>();
  const open: number[] = []; // the examples with which the present one begins
  for (const index of order) {
    const { source } = examples[index];
    while (open.length > 0 && !beginsWith(texts[index], texts[open[open.length - 1]])) open.pop();
    const chain = open.length > 0 ? chainOf.get(open[open.length - 1]) : undefined;
    const last = chain?.at(-1);
    const follows = last === open.at(-1) && last !== undefined && source.length > texts[last].length;
    if (follows) chain?.push(index);
    chainOf.set(index, follows && chain ? chain : [index]);
    open.push(index);
  }
  return [...new Set([...examples.keys()].map((index) => chainOf.get(index) ?? [index]))];
}

/** How batches are drawn. */
export interface Drawing {
  readonly batchSize: number;
  readonly seed: number;
  /** Whether examples of similar length share a batch. */
  readonly groupByLength: boolean;
}

/**
 * The examples of each training batch of an epoch: every example once, in an order drawn from seed and epoch, and those
 * of a chain in one batch where they fit. With `groupByLength`, examples of similar length share a batch within pools of
 * randomly drawn batches, to reduce padding, as with Hugging Face's `group_by_length`. The last batch may be smaller.
 *
 * @param chains of {@link chainsOf}; by default every example is alone.
 */
export function trainingOrder(
  examples: readonly EncodedExample[],
  { batchSize, seed, groupByLength }: Drawing,
  epoch: number,
  chains: readonly (readonly number[])[] = examples.map((_, i) => [i]),
): number[][] {
  const random = seededRandom(mixSeed(seed, 'epoch', epoch));
  const drawn = shuffled([...chains], random);
  const longest = (chain: readonly number[]): number => examples[chain[chain.length - 1]].source.length;
  const pools = groupByLength ? filled(drawn, batchSize * POOL_BATCHES) : [drawn];
  const batches = pools.flatMap((pool) => {
    const sorted = groupByLength ? pool.toSorted((a, b) => longest(b) - longest(a)) : pool;
    return filled(sorted, batchSize).map((batch) => batch.flat());
  });
  // Only full batches are shuffled; a smaller one stays last.
  const whole = batches.filter((batch) => batch.length === batchSize);
  return [...shuffled(whole, random), ...batches.filter((batch) => batch.length < batchSize)];
}

/** Chains in groups of this many examples but for a smaller last one: the next that fits, and parts where none does. */
function filled(chains: readonly (readonly number[])[], size: number): (readonly number[])[][] {
  const left = [...chains];
  const groups: (readonly number[])[][] = [];
  while (left.length > 0) {
    const group: (readonly number[])[] = [];
    for (let room = size; room > 0 && left.length > 0;) {
      const next = left.findIndex(({ length }) => length <= room);
      const chain = next < 0 ? left[0].slice(0, room) : left.splice(next, 1)[0];
      if (next < 0) left[0] = left[0].slice(room);
      group.push(chain);
      room -= chain.length;
    }
    groups.push(group);
  }
  return groups;
}
