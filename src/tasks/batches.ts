import { mixSeed, seededRandom, shuffled } from '../base/random.ts';
import type { EncodedExample } from './fit.ts';

/** Label id of a place that the loss leaves out, as in PyTorch. */
export const IGNORED_LABEL = -100;

/** How batches are laid out. Lengths in tokens. */
export interface BatchShape {
  /** Rows, B. */
  batchSize: number;
  /** The longest source, and the step in which padded lengths grow up to it, so that few lengths occur. */
  sourceLength: number;
  sourceBucket: number;
  /** The same for labels. */
  targetLength: number;
  targetBucket: number;
  /** Fills sources, and decoder inputs behind a label. */
  padId: number;
  /** What the decoder starts from (`decoder_start_token_id`). */
  startId: number;
}

/** A batch for T5, row-major. Rows without an example have source length 0 and no label. */
export interface Batch {
  /** B. */
  batchSize: number;
  /** S, the padded source length: the smallest bucket that holds every source. */
  sourceLength: number;
  /** T, likewise for labels. */
  targetLength: number;
  /** [B, S], padded on the right. */
  sourceIds: Int32Array;
  /** Tokens of each row's source, padding left out. */
  sourceLengths: number[];
  /** [B, T], padded with {@link IGNORED_LABEL}. */
  labelIds: Int32Array;
  /** [B, T]: the start token, then the labels without their last place. */
  decoderInputIds: Int32Array;
  /** Which example stands in each of the first rows; shorter than B where rows are empty. */
  exampleIndexes: number[];
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
 * Lays out examples as one batch of `shape.batchSize` rows; where fewer are given, the last rows are empty.
 *
 * Decoder inputs as Hugging Face's `T5PreTrainedModel._shift_right` makes them.
 *
 * @param indexes which of the examples, one per row.
 * @throws RangeError when an example is longer than the shape allows, or there are more of them than rows.
 */
export function makeBatch(examples: readonly EncodedExample[], indexes: readonly number[], shape: BatchShape): Batch {
  const { batchSize, padId, startId } = shape;
  const rows = indexes.map((i) => examples[i]);
  const longest = (lengths: number[]): number => lengths.reduce((a, b) => Math.max(a, b), 0);
  const sourceLengths = rows.map(({ source }) => source.length);
  const longestSource = longest(sourceLengths);
  const longestLabel = longest(rows.map(({ label }) => label.length));
  if (rows.length > batchSize || longestSource > shape.sourceLength || longestLabel > shape.targetLength) {
    throw new RangeError(
      `${rows.length} examples of up to ${longestSource} and ${longestLabel} tokens exceed a batch of ` +
        `${batchSize} rows of ${shape.sourceLength} and ${shape.targetLength}.`,
    );
  }
  const sourceLength = bucketLength(longestSource, shape.sourceBucket, shape.sourceLength);
  const targetLength = bucketLength(longestLabel, shape.targetBucket, shape.targetLength);
  const sourceIds = new Int32Array(batchSize * sourceLength).fill(padId);
  const labelIds = new Int32Array(batchSize * targetLength).fill(IGNORED_LABEL);
  const decoderInputIds = new Int32Array(batchSize * targetLength).fill(padId);
  for (let row = 0; row < batchSize; row++) {
    decoderInputIds[row * targetLength] = startId;
    if (row >= rows.length) continue;
    const { source, label } = rows[row];
    sourceIds.set(source, row * sourceLength);
    labelIds.set(label, row * targetLength);
    decoderInputIds.set(label.slice(0, targetLength - 1), row * targetLength + 1);
  }
  return {
    batchSize,
    sourceLength,
    targetLength,
    sourceIds,
    sourceLengths: [...sourceLengths, ...new Array<number>(batchSize - rows.length).fill(0)],
    labelIds,
    decoderInputIds,
    exampleIndexes: indexes.slice(),
  };
}

function inBatches(indexes: readonly number[], batchSize: number): number[][] {
  const batches: number[][] = [];
  for (let at = 0; at < indexes.length; at += batchSize) batches.push(indexes.slice(at, at + batchSize));
  return batches;
}
