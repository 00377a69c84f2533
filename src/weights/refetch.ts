import { type RangeOptions, readRange } from './ranges.ts';
import type { Manifest } from './store-format.ts';

/**
 * Fetches a chunk of a stored file again from its source. Null if the source cannot send it as a part or no longer has
 * it; the caller checks the content by its hash.
 *
 * @throws GorpError for temporary failures: `weights/offline`, `weights/network`, `weights/denied`, `weights/http`, …
 */
export type Refetch = (manifest: Manifest, index: number) => Promise<Uint8Array<ArrayBuffer> | null>;

/** A {@link Refetch} by Range requests. Retries a few times if one breaks or stalls. */
export function refetchByRange(options: RangeOptions): Refetch {
  return async ({ url, chunkBytes, chunks }, index) => {
    const begin = index * chunkBytes;
    const part = await readRange(url, begin, begin + chunks[index].bytes, options);
    return part?.bytes ?? null;
  };
}
