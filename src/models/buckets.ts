import { relativePositionBucket, type T5Config } from './t5-config.ts';

/**
 * Buckets of all relative positions −reach … reach, for T5's position bias.
 *
 * @returns entry `distance + reach` is the bucket of key − query = distance.
 */
export function bucketTable(config: T5Config, bidirectional: boolean, reach: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: 2 * reach + 1 }, (_, i) =>
    relativePositionBucket(i - reach, bidirectional, config.buckets, config.maxDistance),
  );
}
