import type { GorpError } from '../base/errors.ts';
import { Connection, PATIENCE, type Patience, patiently } from './connection.ts';
import type { FileWriter, Origin } from './file-writer.ts';
import {
  aborted,
  BrokenDownload,
  htmlInstead,
  interrupted,
  looksLikeHtml,
  refusalOf,
  tooLarge,
  unreachable,
  wrongLength,
} from './response-checks.ts';
import type { WeightStore } from './store.ts';
import { isResumable, isStrong, type Manifest } from './store-format.ts';

/** How to fetch a file and report progress. */
export interface DownloadOptions {
  /** Replaces the global fetch, to add credentials or to test. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Ends the download with `weights/aborted`. What arrived is stored if it can be resumed. */
  signal?: AbortSignal | undefined;
  /** Bytes received so far and the file's length, if known. Called for every piece from the network. */
  onProgress?: ((bytes: number, total: number | null) => void) | undefined;
  /** The file's name in the store; its URL by default. */
  file?: string | undefined;
  /** Largest accepted size of the file. */
  maxBytes?: number | undefined;
  /** The publisher's statement about the file; other content is refused. */
  expected?: Pick<Origin, 'bytes' | 'sha256'> | undefined;
  patience?: Patience | undefined;
}

/**
 * Streams a file into the store, one chunk in memory at a time. The file exists only when it is complete. An
 * interrupted download resumes by a Range request if the server still has the same content, and so does a connection
 * that breaks or stalls, a few times. If all tries fail, the stored chunks remain for the next download; if the content
 * is wrong or does not fit, they are deleted.
 *
 * @throws GorpError `weights/offline`, `weights/cors`, `weights/network`, `weights/not-found`, `weights/denied`,
 * `weights/gated`, `weights/http`, `weights/html`, `weights/interrupted`, `weights/stalled`, `weights/wrong-length`,
 * `weights/too-large`, `weights/aborted`, and what {@link WeightStore.write} throws.
 */
export function fetchToStore(url: string, store: WeightStore, options: DownloadOptions = {}): Promise<Manifest> {
  const { file = url, signal } = options;
  if (signal?.aborted === true) return Promise.reject(aborted(url));
  const fill = async (writer: FileWriter): Promise<void> => {
    const transfer = new Transfer(url, writer, options);
    try {
      await transfer.run();
    } catch (thrown) {
      if (!transfer.hasBadContent && writer.origin !== null && isResumable(writer.origin)) writer.keep();
      throw thrown;
    }
  };
  return store.write(file, fill, signal).catch((thrown: unknown) => {
    // Stopped while waiting for another tab to write the same file.
    throw thrown === signal?.reason ? aborted(url) : thrown;
  });
}

/** One file's transfer into the store, over as many connections as it takes. */
class Transfer {
  readonly #url: string;
  readonly #writer: FileWriter;
  readonly #options: DownloadOptions;
  readonly #fetch: typeof globalThis.fetch;
  readonly #patience: Patience;
  /** If-Range needs a CORS preflight; some servers allow only Range. */
  #usesIfRange = true;
  /** Whether the content was unusable or could not be stored, so that there is nothing to resume from. */
  hasBadContent = false;

  constructor(url: string, writer: FileWriter, options: DownloadOptions) {
    this.#url = url;
    this.#writer = writer;
    this.#options = options;
    // Browsers throw when their fetch is called as a method of another object.
    const { fetch = globalThis.fetch } = options;
    this.#fetch = (...request) => fetch(...request);
    this.#patience = options.patience ?? PATIENCE;
  }

  run(): Promise<void> {
    return patiently(
      () => this.#attempt(),
      this.#patience,
      this.#options.signal,
      () => this.#writer.bytes,
    );
  }

  /** One connection: fetches the rest of a partial file, or all of it. */
  async #attempt(): Promise<void> {
    const { origin, bytes } = this.#writer;
    const connection = new Connection(this.#url, this.#patience.stallMs, this.#options.signal);
    try {
      if (origin !== null && bytes > 0 && isResumable(origin)) {
        const response = await this.#requestRest(connection, origin);
        if (response.status === 206 && continues(response, origin, bytes)) {
          await this.#take(connection, response, origin.bytes);
          return;
        }
        // Not the rest of the same content: start over, from this response if it has the whole file.
        if (response.status === 200) return await this.#takeAll(connection, response);
        await response.body?.cancel();
        const refusal =
          response.status === 206 || response.status === 416 ? null : refusalOf(response, this.#url, 'rest');
        if (refusal !== null) throw refusal;
      }
      await this.#takeAll(connection, await this.#request(connection, {}));
    } finally {
      connection.close();
    }
  }

  async #requestRest(connection: Connection, origin: Origin): Promise<Response> {
    const range = { range: `bytes=${this.#writer.bytes}-` };
    // A known hash detects other content, so the server need not.
    if (origin.sha256 !== null || origin.etag === null || !this.#usesIfRange) return this.#request(connection, range);
    try {
      return await this.#request(connection, { ...range, 'if-range': origin.etag });
    } catch (thrown) {
      if (this.#options.signal?.aborted !== true) this.#usesIfRange = false;
      throw thrown;
    }
  }

  /** @throws GorpError; a {@link BrokenDownload} once part of the file has arrived. */
  async #request(connection: Connection, headers: Record<string, string>): Promise<Response> {
    try {
      // no-store: the browser's cache would hold a second copy and could answer with an older version.
      return await connection.within(
        this.#fetch(this.#url, { cache: 'no-store', signal: connection.signal, headers }),
        this.#writer.bytes,
      );
    } catch (cause) {
      if (this.#options.signal?.aborted === true) throw aborted(this.#url);
      if (cause instanceof BrokenDownload) throw cause;
      if (this.#writer.bytes > 0) throw interrupted(this.#url, this.#writer.bytes, cause);
      throw await unreachable(this.#url, this.#fetch, cause);
    }
  }

  /** Stores the whole file from a response. */
  async #takeAll(connection: Connection, response: Response): Promise<void> {
    const { expected, maxBytes } = this.#options;
    const announced = declaredLength(response);
    const bytes = expected?.bytes ?? announced.bytes;
    const refusal =
      refusalOf(response, this.#url, 'all') ??
      tooLarge(this.#url, bytes, maxBytes) ??
      (expected?.bytes != null && announced.binding && announced.bytes !== expected.bytes
        ? wrongLength(this.#url, expected.bytes, announced.bytes ?? 0)
        : null);
    if (refusal !== null) {
      await response.body?.cancel();
      throw refusal;
    }
    const origin = { url: this.#url, etag: response.headers.get('etag'), bytes, sha256: expected?.sha256 ?? null };
    await this.#writer.begin(origin);
    await this.#take(connection, response, expected?.bytes ?? (announced.binding ? announced.bytes : null), bytes);
  }

  /** @param binding length that the file must have. @param reported the length to report, which may be wrong. */
  async #take(connection: Connection, response: Response, binding: number | null, reported = binding): Promise<void> {
    try {
      await this.#writer.append(this.#pieces(connection, response, binding, reported));
    } catch (thrown) {
      this.hasBadContent = !(thrown instanceof BrokenDownload || this.#options.signal?.aborted === true);
      throw thrown;
    }
  }

  /** Yields the body piece by piece, checking each. */
  async *#pieces(
    connection: Connection,
    response: Response,
    binding: number | null,
    reported: number | null,
  ): AsyncGenerator<Uint8Array> {
    const { maxBytes, onProgress } = this.#options;
    const reader = response.body?.getReader();
    let bytes = this.#writer.bytes;
    try {
      while (reader !== undefined) {
        const piece = await this.#next(connection, reader, bytes);
        if (piece === undefined) break;
        if (bytes === 0 && looksLikeHtml(piece)) throw htmlInstead(this.#url);
        bytes += piece.length;
        const refusal: GorpError | null =
          tooLarge(this.#url, bytes, maxBytes) ??
          (binding !== null && bytes > binding ? wrongLength(this.#url, binding, bytes) : null);
        if (refusal !== null) throw refusal;
        onProgress?.(bytes, reported !== null && bytes <= reported ? reported : null);
        yield piece;
      }
      if (binding !== null && bytes < binding) throw wrongLength(this.#url, binding, bytes);
    } finally {
      // Closes the connection if the rest is not wanted. A failed stream rejects again here.
      await reader?.cancel().catch(() => undefined);
    }
  }

  async #next(
    connection: Connection,
    reader: ReadableStreamDefaultReader<Uint8Array>,
    bytes: number,
  ): Promise<Uint8Array | undefined> {
    try {
      const { value } = await connection.within(reader.read(), bytes);
      this.#options.signal?.throwIfAborted();
      return value;
    } catch (cause) {
      if (this.#options.signal?.aborted === true) throw aborted(this.#url);
      throw cause instanceof BrokenDownload ? cause : interrupted(this.#url, bytes, cause);
    }
  }
}

/** Whether a 206 continues the same content after the first `bytes`. */
function continues(response: Response, origin: Origin, bytes: number): boolean {
  const { headers } = response;
  const etag = headers.get('etag');
  if (isStrong(etag) && isStrong(origin.etag) && etag !== origin.etag) return false;
  if (origin.sha256 === null && etag !== origin.etag) return false;
  // A page may see neither header; those it sees must match.
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  if (range !== null && (Number(range[1]) !== bytes || ![`${origin.bytes}`, '*'].includes(range[2]))) return false;
  const { bytes: length, binding } = declaredLength(response);
  return range !== null || (binding && origin.bytes !== null && length === origin.bytes - bytes) || !binding;
}

interface DeclaredLength {
  /** Bytes of the body; null if the server does not state them. */
  bytes: number | null;
  /** Whether a body of another length is wrong. */
  binding: boolean;
}

/** Returns the length of the decoded body that Content-Length declares. */
function declaredLength(response: Response): DeclaredLength {
  const text = response.headers.get('content-length') ?? '';
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  // Content-Length counts the encoded bytes.
  if (!/^\d{1,15}$/.test(text) || encoding !== 'identity') return { bytes: null, binding: false };
  // A page sees another site's Content-Encoding only if the server exposes it.
  return { bytes: Number(text), binding: response.type !== 'cors' };
}
