import { type Batch, beginsWith, compareTokens, textOf } from '../base/batch.ts';
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
interface Drawing {
  readonly batchSize: number;
  readonly seed: number;
  /** Whether examples of similar length share a batch. */
  readonly groupByLength: boolean;
  /** Tokens of a batch, which then holds as many examples as fit, in place of `batchSize`; no example has more. */
  readonly budget?: { readonly tokens: number; readonly tokensIn: (rows: Batch) => number };
}

/**
 * The examples of each training batch of an epoch: every example once, in an order drawn from seed and epoch, and those
 * of a chain in one batch where they fit. With `groupByLength`, examples of similar length share a batch within pools of
 * randomly drawn batches, to reduce padding, as with Hugging Face's `group_by_length`. Without a budget, only the last
 * batch may be smaller.
 *
 * @param chains of {@link chainsOf}; by default every example is alone.
 */
export function trainingOrder(
  examples: readonly EncodedExample[],
  { batchSize, seed, groupByLength, budget }: Drawing,
  epoch: number,
  chains: readonly (readonly number[])[] = examples.map((_, i) => [i]),
): number[][] {
  const random = seededRandom(mixSeed(seed, 'epoch', epoch));
  const drawn = shuffled([...chains], random);
  const longest = (chain: readonly number[]): number => examples[chain[chain.length - 1]].source.length;
  const groups = (of: readonly (readonly number[])[], batches: number): (readonly number[])[][] => {
    if (budget === undefined) return filled(of, batches * batchSize);
    const fits = (rows: readonly number[]): boolean =>
      budget.tokensIn(rows.map((index) => examples[index])) <= batches * budget.tokens;
    return packed(of, fits);
  };
  const batches = (groupByLength ? groups(drawn, POOL_BATCHES) : [drawn]).flatMap((pool) => {
    const sorted = groupByLength ? pool.toSorted((a, b) => longest(b) - longest(a)) : pool;
    return groups(sorted, 1).map((batch) => batch.flat());
  });
  if (budget) return shuffled(batches, random);
  // Only full batches are shuffled; a smaller one stays last.
  const whole = batches.filter((batch) => batch.length === batchSize);
  return [...shuffled(whole, random), ...batches.filter((batch) => batch.length < batchSize)];
}

/** Chains in groups that fit, in their order: as many as do, or the first part of one that does not fit alone. */
function packed(
  chains: readonly (readonly number[])[],
  fits: (rows: readonly number[]) => boolean,
): (readonly number[])[][] {
  const left = [...chains];
  const groups: (readonly number[])[][] = [];
  let usual = 1;
  while (left.length > 0) {
    const count = mostThatFit(left.length, usual, (some) => fits(left.slice(0, some).flat()));
    if (count > 0) {
      groups.push(left.splice(0, count));
      usual = count;
    } else {
      const [chain] = left;
      const rows = Math.max(
        1,
        mostThatFit(chain.length, 1, (some) => fits(chain.slice(0, some))),
      );
      groups.push([chain.slice(0, rows)]);
      if (rows < chain.length) left[0] = chain.slice(rows);
      else left.shift();
    }
  }
  return groups;
}

/** The largest number up to `most` that fits, if more never fit where fewer do not. @param guess where to look first. */
function mostThatFit(most: number, guess: number, fits: (count: number) => boolean): number {
  let [fit, next] = [0, Math.min(guess, most)];
  while (fit < most && fits(next)) [fit, next] = [next, Math.min(most, 2 * next)];
  for (let tooMany = next; tooMany - fit > 1;) {
    const middle = Math.floor((fit + tooMany) / 2);
    if (fits(middle)) fit = middle;
    else tooMany = middle;
  }
  return fit;
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
