import { mixSeed, seededRandom, shuffled } from '../base/random.ts';
import type { EncodedExample } from './fit.ts';

/** Padded lengths of sources grow in this step, in tokens, so that few lengths occur. */
export const SOURCE_BUCKET = 16;

/** How batches are laid out. Lengths in tokens. */
export interface BatchShape {
  /** Rows, B. */
  batchSize: number;
  /** The longest source and label. */
  sourceLength: number;
  targetLength: number;
}

/** Examples of one batch, and the sizes they are padded to: B rows, S source and T label tokens. */
export interface Batch {
  sizes: { B: number; S: number; T: number };
  /** Fewer than B where the last rows are empty. */
  rows: EncodedExample[];
}

/** The smallest multiple of `bucket` that holds `length` tokens, at most `maximum`. */
export function bucketLength(length: number, bucket: number, maximum: number): number {
  return Math.min(Math.max(1, Math.ceil(length / bucket)) * bucket, maximum);
}

// Batches that are drawn together and sorted by length among themselves.
const POOL_BATCHES = 8;

/**
 * Which examples each training batch of an epoch holds: every example once, in an order drawn anew from seed and epoch.
 * Examples of like length go into a batch together, within a pool of batches drawn at random, so that little is padding
 * (the idea of Hugging Face's `group_by_length`). The last batch may be smaller.
 */
export function trainingOrder(
  examples: readonly EncodedExample[],
  batchSize: number,
  seed: number,
  epoch: number,
): number[][] {
  const random = seededRandom(mixSeed(seed, 'epoch', epoch));
  const drawn = shuffled(
    examples.map((_, i) => i),
    random,
  );
  const batches = inBatches(drawn, batchSize * POOL_BATCHES).flatMap((pool) => {
    pool.sort((a, b) => examples[b].source.length - examples[a].source.length);
    return inBatches(pool, batchSize);
  });
  // Only whole batches change places: the smaller one, if any, stays the last.
  const whole = batches.filter((batch) => batch.length === batchSize);
  return [...shuffled(whole, random), ...batches.slice(whole.length)];
}

/**
 * Which examples each evaluation batch holds: every example once, neighbours in length together so that little is
 * padding, and the longest first so that a lack of memory shows at once. The last batch may be smaller.
 */
export function evaluationOrder(examples: readonly EncodedExample[], batchSize: number): number[][] {
  const indexes = examples.map((_, i) => i);
  indexes.sort((a, b) => examples[b].source.length - examples[a].source.length);
  return inBatches(indexes, batchSize);
}

/**
 * Examples as one batch of `shape.batchSize` rows, padded to the smallest sizes that hold them.
 *
 * @param indexes which of the examples, one per row.
 * @throws RangeError when an example is longer than the shape allows, or there are more of them than rows.
 */
export function sizedBatch(examples: readonly EncodedExample[], indexes: readonly number[], shape: BatchShape): Batch {
  const { batchSize, sourceLength, targetLength } = shape;
  const rows = indexes.map((i) => examples[i]);
  const longest = (lengths: number[]): number => lengths.reduce((a, b) => Math.max(a, b), 0);
  const S = longest(rows.map(({ source }) => source.length));
  const T = longest(rows.map(({ label }) => label.length));
  if (rows.length > batchSize || S > sourceLength || T > targetLength) {
    throw new RangeError(
      `${rows.length} examples of up to ${S} and ${T} tokens exceed a batch of ` +
        `${batchSize} rows of ${sourceLength} and ${targetLength}.`,
    );
  }
  return { sizes: { B: batchSize, S: bucketLength(S, SOURCE_BUCKET, sourceLength), T: Math.max(1, T) }, rows };
}

function inBatches(indexes: readonly number[], batchSize: number): number[][] {
  const batches: number[][] = [];
  for (let at = 0; at < indexes.length; at += batchSize) batches.push(indexes.slice(at, at + batchSize));
  return batches;
}
