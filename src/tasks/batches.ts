import { chunks } from '../base/chunks.ts';
import { mixSeed, seededRandom, shuffled } from '../base/random.ts';
import type { EncodedExample } from './fit.ts';

/** Sources that are padded are so to multiples of this many tokens, so that few lengths occur. */
export const SOURCE_BUCKET = 16;

/** The shape of batches. The length is in tokens. */
export interface BatchShape {
  /** Rows, B. */
  batchSize: number;
  /** Longest source. */
  sourceLength: number;
}

/** The smallest multiple of `bucket` that holds `length` tokens, at most `maximum`. */
export function bucketLength(length: number, bucket: number, maximum: number): number {
  return Math.min(Math.max(1, Math.ceil(length / bucket)) * bucket, maximum);
}

// Batches drawn together and sorted by length within this pool.
const POOL_BATCHES = 8;

/**
 * The examples of each training batch of an epoch: every example once, in an order drawn from seed and epoch. Within
 * pools of randomly drawn batches, examples of similar length share a batch to reduce padding, as with Hugging Face's
 * `group_by_length`. The last batch may be smaller.
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
  const batches = chunks(drawn, batchSize * POOL_BATCHES).flatMap((pool) => {
    pool.sort((a, b) => examples[b].source.length - examples[a].source.length);
    return chunks(pool, batchSize);
  });
  // Only full batches are shuffled; a smaller one stays last.
  const whole = batches.filter((batch) => batch.length === batchSize);
  return [...shuffled(whole, random), ...batches.slice(whole.length)];
}

/** A test batch: its examples, and the length that their sources are padded to. */
export interface EvaluationBatch {
  readonly indexes: readonly number[];
  readonly S: number;
}

// Tests pad to multiples of this, finer than in training because each batch gets its own program anyway.
const EVALUATION_BUCKET = 4;
// The overhead of a batch, in tokens: its programs, and kernels that few rows use less well.
const BATCH_COST = 256;

/**
 * The examples of each evaluation batch: every example once, similar lengths together, split to minimise the total cost
 * of padding and batches. The batch with the most tokens comes first, so that a lack of memory shows at once.
 *
 * @param batchSize maximum number of rows in a batch.
 */
export function evaluationOrder(
  examples: readonly EncodedExample[],
  { batchSize, sourceLength }: Pick<BatchShape, 'batchSize' | 'sourceLength'>,
): EvaluationBatch[] {
  const order = examples.map((_, i) => i);
  order.sort((a, b) => examples[b].source.length - examples[a].source.length);
  const padded = order.map((i) => bucketLength(examples[i].source.length, EVALUATION_BUCKET, sourceLength));
  // The least cost of the first `end` examples, and where the last of their batches begins.
  const least = [{ cost: 0, begin: 0 }];
  for (let end = 1; end <= order.length; end++) {
    let best = { cost: Infinity, begin: 0 };
    for (let begin = end - 1; begin >= Math.max(0, end - batchSize); begin--) {
      const cost = least[begin].cost + BATCH_COST + (end - begin) * padded[begin];
      if (cost < best.cost) best = { cost, begin };
    }
    least.push(best);
  }
  const batches: EvaluationBatch[] = [];
  for (let end = order.length; end > 0; end = least[end].begin) {
    const { begin } = least[end];
    batches.push({ indexes: order.slice(begin, end), S: padded[begin] });
  }
  const tokens = ({ indexes, S }: EvaluationBatch): number => indexes.length * S;
  return batches.reverse().sort((a, b) => tokens(b) - tokens(a));
}

/** The longest padded source of all batches. */
export const longestSource = (batches: readonly EvaluationBatch[]): number =>
  batches.reduce((longest, { S }) => Math.max(longest, S), 1);
