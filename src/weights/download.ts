import { GorpError } from '../base/errors.ts';
import type { Manifest, WeightStore } from './store.ts';

/** How to fetch a file, and what to tell while it comes. */
export interface DownloadOptions {
  /** Replaces the global fetch, to add credentials or to test. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Ends the download with `weights/aborted`. */
  signal?: AbortSignal | undefined;
  /** Bytes of the file that have come, and its length where known. Called for every piece that the network gives. */
  onProgress?: ((bytes: number, total: number | null) => void) | undefined;
  /** The file's name in the store; its URL when not given. */
  file?: string | undefined;
  /** Longest file that is accepted. */
  maxBytes?: number | undefined;
}

/**
 * Streams a file into the store; one chunk of it is held in memory at a time. The file is there only when all of it has
 * come; whatever fails, nothing of it stays.
 *
 * @throws GorpError `weights/network`, `weights/not-found`, `weights/http`, `weights/html`, `weights/interrupted`,
 * `weights/wrong-length`, `weights/too-large`, `weights/aborted`, and what {@link WeightStore.write} throws.
 */
export async function fetchToStore(url: string, store: WeightStore, options: DownloadOptions = {}): Promise<Manifest> {
  const response = await request(url, options);
  const length = declaredLength(response);
  const refusal = refusalOf(response, url) ?? tooLarge(url, length.bytes, options);
  if (refusal !== null) {
    await response.body?.cancel();
    throw refusal;
  }
  const origin = { url, etag: response.headers.get('etag'), bytes: length.bytes };
  return store.write(options.file ?? url, origin, piecesOf(response, url, length, options));
}

async function request(url: string, { fetch = globalThis.fetch, signal }: DownloadOptions): Promise<Response> {
  try {
    // no-store: the browser's own cache would keep a second copy, and could answer with an older version.
    return await fetch(url, { cache: 'no-store', signal: signal ?? null });
  } catch (cause) {
    if (signal?.aborted === true) throw aborted(url);
    throw new GorpError(
      'weights/network',
      `${url} could not be reached: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Check the address and the connection and start again. A server of another site must allow this page to read from it (CORS).',
      { cause },
    );
  }
}

/** Why a response is not the file, or null. */
function refusalOf(response: Response, url: string): GorpError | null {
  const { status } = response;
  if (status === 404 || status === 410) {
    return new GorpError(
      'weights/not-found',
      `There is no ${url} (HTTP ${status}).`,
      'Check the address of the model.',
    );
  }
  if (status !== 200) {
    const locked = status === 401 || status === 403;
    return new GorpError(
      'weights/http',
      `The server answered HTTP ${status} to the request for ${url}.`,
      locked ? 'Ask for access to this model, or use one that is public.' : 'Wait a moment and start again.',
    );
  }
  return /^text\/html\b/i.test(response.headers.get('content-type') ?? '') ? htmlInstead(url) : null;
}

interface DeclaredLength {
  /** Bytes of the body, or null when the server does not say. */
  bytes: number | null;
  /** Whether a body of another length is wrong. */
  binding: boolean;
}

/** What Content-Length says about the decoded body. */
function declaredLength(response: Response): DeclaredLength {
  const text = response.headers.get('content-length') ?? '';
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  // Of an encoded body, Content-Length counts the bytes before decoding.
  if (!/^\d{1,15}$/.test(text) || encoding !== 'identity') return { bytes: null, binding: false };
  // Another site's Content-Encoding is hidden from the page unless the server exposes it.
  return { bytes: Number(text), binding: response.type !== 'cors' };
}

/** The body, piece by piece, checked as it passes. */
async function* piecesOf(
  response: Response,
  url: string,
  length: DeclaredLength,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  let bytes = 0;
  try {
    while (reader !== undefined) {
      const piece = await nextPiece(reader, url, bytes, options.signal);
      if (piece === undefined) break;
      if (bytes === 0 && looksLikeHtml(piece)) throw htmlInstead(url);
      bytes += piece.length;
      const refusal =
        tooLarge(url, bytes, options) ?? (bytes > (length.bytes ?? Infinity) ? wrongLength(url, length, bytes) : null);
      if (refusal !== null) throw refusal;
      options.onProgress?.(bytes, length.bytes !== null && bytes <= length.bytes ? length.bytes : null);
      yield piece;
    }
    const refusal = bytes < (length.bytes ?? 0) ? wrongLength(url, length, bytes) : null;
    if (refusal !== null) throw refusal;
  } finally {
    // Closes the connection when the rest is not wanted; a stream that has failed answers with its failure once more.
    await reader?.cancel().catch(() => undefined);
  }
}

async function nextPiece(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  url: string,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  try {
    const { value } = await reader.read();
    signal?.throwIfAborted();
    return value;
  } catch (cause) {
    if (signal?.aborted === true) throw aborted(url);
    throw new GorpError(
      'weights/interrupted',
      `The connection broke after ${bytes} bytes of ${url}.`,
      'Check the connection and start again.',
      { cause },
    );
  }
}

/** Whether a body begins as a web page does. No JSON and no safetensors file begins so. */
function looksLikeHtml(start: Uint8Array): boolean {
  return /^\s*<(?:!doctype|html)/i.test(new TextDecoder('latin1').decode(start.subarray(0, 256)));
}

function tooLarge(url: string, bytes: number | null, { maxBytes = Infinity }: DownloadOptions): GorpError | null {
  if (bytes === null || bytes <= maxBytes) return null;
  return new GorpError(
    'weights/too-large',
    `${url} has ${bytes} bytes or more; ${maxBytes} are allowed for this file.`,
    'Check that the address is that of a model folder with Hugging Face files.',
  );
}

function wrongLength(url: string, length: DeclaredLength, bytes: number): GorpError | null {
  if (!length.binding) return null;
  const got = bytes > (length.bytes ?? 0) ? 'more came' : `only ${bytes} came`;
  return new GorpError(
    'weights/wrong-length',
    `${url} was announced with ${length.bytes} bytes, but ${got}.`,
    'Start again; if it stays so, the file is damaged on the server.',
  );
}

function htmlInstead(url: string): GorpError {
  return new GorpError(
    'weights/html',
    `${url} is a web page, not a file of a model.`,
    'Check the address: it may need a login, or be that of a page about the file and not of the file itself.',
  );
}

function aborted(url: string): GorpError {
  return new GorpError(
    'weights/aborted',
    `The download of ${url} was stopped.`,
    'Start again; files that were already complete are kept.',
  );
}
