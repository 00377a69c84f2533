import { Connection, PATIENCE, type Patience, patiently } from './connection.ts';
import { aborted, BrokenDownload, interrupted, refusalOf, unreachable, wrongLength } from './response-checks.ts';
import type { Manifest } from './store-format.ts';

/**
 * Fetches a chunk of a stored file again from its source. Null if the source cannot send it as a part or no longer has
 * it; the caller checks the content by its hash.
 *
 * @throws GorpError for temporary failures: `weights/offline`, `weights/network`, `weights/denied`, `weights/http`, …
 */
export type Refetch = (manifest: Manifest, index: number) => Promise<Uint8Array<ArrayBuffer> | null>;

interface RefetchOptions {
  fetch?: typeof globalThis.fetch | undefined;
  signal?: AbortSignal | undefined;
  patience?: Patience | undefined;
}

/** A {@link Refetch} by Range requests. Retries a few times if one breaks or stalls. */
export function refetchByRange({ fetch = globalThis.fetch, signal, patience = PATIENCE }: RefetchOptions): Refetch {
  return ({ url, chunkBytes, chunks }, index) => {
    const request = new RangeRequest(url, index * chunkBytes, chunks[index].bytes, fetch, signal);
    return patiently(() => request.send(patience.stallMs), patience, signal);
  };
}

class RangeRequest {
  readonly #url: string;
  readonly #begin: number;
  readonly #bytes: number;
  readonly #fetch: typeof globalThis.fetch;
  readonly #signal: AbortSignal | undefined;

  constructor(
    url: string,
    begin: number,
    bytes: number,
    fetch: typeof globalThis.fetch,
    signal: AbortSignal | undefined,
  ) {
    this.#url = url;
    this.#begin = begin;
    this.#bytes = bytes;
    this.#fetch = fetch;
    this.#signal = signal;
  }

  async send(stallMs: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const connection = new Connection(this.#url, stallMs, this.#signal);
    try {
      const response = await this.#answer(connection);
      const refusal = response.status === 416 ? null : refusalOf(response, this.#url, 'rest');
      if (refusal !== null && refusal.code !== 'weights/not-found') throw refusal;
      return response.status === 206 ? await this.#take(connection, response) : null;
    } finally {
      connection.close();
    }
  }

  async #answer(connection: Connection): Promise<Response> {
    const [fetch, url, begin, bytes] = [this.#fetch, this.#url, this.#begin, this.#bytes];
    // No If-Range, which a server must allow separately from Range: the chunk's hash detects other content.
    const headers = { range: `bytes=${begin}-${begin + bytes - 1}` };
    try {
      return await connection.within(fetch(url, { cache: 'no-store', signal: connection.signal, headers }), begin);
    } catch (cause) {
      if (this.#signal?.aborted === true) throw aborted(url);
      throw cause instanceof BrokenDownload ? cause : await unreachable(url, fetch, cause);
    }
  }

  /** The body; null if it is longer than requested. */
  async #take(connection: Connection, response: Response): Promise<Uint8Array<ArrayBuffer> | null> {
    const reader = response.body?.getReader();
    const part = new Uint8Array(this.#bytes);
    let got = 0;
    while (reader !== undefined) {
      const { value } = await connection.within(reader.read(), this.#begin + got).catch((cause: unknown) => {
        if (this.#signal?.aborted === true) throw aborted(this.#url);
        throw cause instanceof BrokenDownload ? cause : interrupted(this.#url, this.#begin + got, cause);
      });
      if (value === undefined) break;
      if (got + value.length > part.length) return null;
      part.set(value, got);
      got += value.length;
    }
    if (got < part.length) throw wrongLength(this.#url, part.length, got);
    return part;
  }
}
