import { Connection, PATIENCE, type Patience, patiently } from './connection.ts';
import { aborted, BrokenDownload, interrupted, refusalOf, unreachable, wrongLength } from './response-checks.ts';
import type { Manifest } from './store-format.ts';

interface RangeOptions {
  fetch?: typeof globalThis.fetch | undefined;
  signal?: AbortSignal | undefined;
  patience?: Patience | undefined;
}

/** A part of a file on a server. */
interface FilePart {
  /** As many bytes as were asked for; fewer only where the file ends. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of the whole file, if the server says so to this page. */
  readonly total: number | null;
}

/**
 * Fetches bytes `begin` to `end` of a file by a Range request. Retries a few times if one breaks or stalls.
 *
 * @returns null if the server has no such part, or cannot send parts.
 * @throws GorpError for temporary failures: `weights/offline`, `weights/network`, `weights/denied`, `weights/http`, …
 */
export function readRange(
  url: string,
  begin: number,
  end: number,
  { fetch = globalThis.fetch, signal, patience = PATIENCE }: RangeOptions,
): Promise<FilePart | null> {
  const request = new RangeRequest(url, begin, end - begin, fetch, signal);
  return patiently(() => request.send(patience.stallMs), patience, signal);
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

  async send(stallMs: number): Promise<FilePart | null> {
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
    // No If-Range, which a server must allow separately from Range: the caller detects other content by a hash.
    const headers = { range: `bytes=${begin}-${begin + bytes - 1}` };
    try {
      return await connection.within(fetch(url, { cache: 'no-store', signal: connection.signal, headers }), begin);
    } catch (cause) {
      if (this.#signal?.aborted === true) throw aborted(url);
      throw cause instanceof BrokenDownload ? cause : await unreachable(url, fetch, cause);
    }
  }

  /** The body; null if it is longer than requested. */
  async #take(connection: Connection, response: Response): Promise<FilePart | null> {
    const total = totalOf(response);
    const length = total === null ? this.#bytes : Math.min(this.#bytes, Math.max(0, total - this.#begin));
    const reader = response.body?.getReader();
    const part = new Uint8Array(length);
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
    if (got === length) return { bytes: part, total };
    // Without a known length, this may be the end of the file.
    if (total === null && got > 0) return { bytes: part.slice(0, got), total };
    throw wrongLength(this.#url, length, got);
  }
}

/** The file's length in `Content-Range: bytes 0-99/1000`, which a server may hide from a page. */
function totalOf(response: Response): number | null {
  const [, total] = /^bytes \d+-\d+\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '') ?? [];
  return total === undefined ? null : Number(total);
}

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
