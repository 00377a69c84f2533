import * as v from 'valibot';
import { insecureAddress, isSecureAddress } from '../base/address.ts';
import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';

/** Milliseconds to wait for the browser's report of a blocked request. */
const REPORT_MS = 500;

/**
 * Whether a server is reachable even if a page may not read from it, as a `no-cors` request shows. An isolated page
 * (COEP `require-corp`) blocks that response too, but the browser reports the block only if there was a response.
 */
export async function isThere(url: string, fetch: typeof globalThis.fetch): Promise<boolean> {
  const watch = watchBlocks(new URL(url).origin);
  try {
    await fetch(url, { mode: 'no-cors', method: 'HEAD', cache: 'no-store' });
    return true;
  } catch {
    return await watch.hasBlocked();
  } finally {
    watch.end();
  }
}

/** A COEP report as JSON, the only form in which Chromium's report bodies show their fields. */
const BlockSchema = v.object({ body: v.object({ blockedURL: v.pipe(v.string(), v.url()) }) });

/** Watches for a server's responses that the embedder policy blocks. Node and browsers without reports see none. */
function watchBlocks(origin: string): { hasBlocked(): Promise<boolean>; end(): void } {
  if (globalThis.ReportingObserver === undefined) return { hasBlocked: () => Promise.resolve(false), end: () => {} };
  let setBlocked = (): void => undefined;
  const blocked = new Promise<true>((resolve) => (setBlocked = () => resolve(true)));
  const observer = new ReportingObserver(
    (reports) => {
      for (const report of reports) {
        const parsed = v.safeParse(BlockSchema, JSON.parse(JSON.stringify(report)));
        if (parsed.success && new URL(parsed.output.body.blockedURL).origin === origin) setBlocked();
      }
    },
    { types: ['coep'] },
  );
  observer.observe();
  return {
    hasBlocked: () =>
      Promise.race([blocked, new Promise<false>((resolve) => setTimeout(() => resolve(false), REPORT_MS))]),
    end: () => observer.disconnect(),
  };
}

/**
 * A download interrupted by a temporary fault: the connection, a stall, a busy server. It is retried, and the bytes
 * received so far stay stored.
 */
export class BrokenDownload extends GorpError {}

// The server is busy or restarting, or its proxy lost it.
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/** Why a response is not the requested file, or null. A 206 is valid only if a part was requested. */
export function refusalOf(response: Response, url: string, asked: 'all' | 'rest'): GorpError | null {
  const { status } = response;
  // A redirect may lead anywhere.
  if (response.redirected && !isSecureAddress(response.url)) return insecureAddress('weights/insecure', response.url);
  if (status === 401 || status === 403) return denied(response, url);
  if (status === 404 || status === 410) {
    return new GorpError(
      'weights/not-found',
      `${url} does not exist (HTTP ${status}).`,
      'Check the address of the model.',
    );
  }
  if (status !== 200 && !(status === 206 && asked === 'rest')) {
    const kind = PASSING.includes(status) ? BrokenDownload : GorpError;
    return new kind(
      'weights/http',
      `The server answered HTTP ${status} to the request for ${url}.`,
      'Wait a moment and start again.',
    );
  }
  return /^text\/html\b/i.test(response.headers.get('content-type') ?? '') ? htmlInstead(url) : null;
}

/**
 * Returns the error for a 401 or 403. On the hub a header tells whether the repository's terms or the token is the
 * cause.
 */
export function denied(response: Response, url: string): GorpError {
  const { status, headers } = response;
  if (headers.get('x-error-code') === 'GatedRepo') {
    return new GorpError(
      'weights/gated',
      `${url} belongs to a gated repository: only accounts that have accepted its terms have access.`,
      'Accept the terms on the repository’s page, then give an access token of that account: the hub lists them in Settings, Access Tokens, and the command line reads HF_TOKEN.',
    );
  }
  return new GorpError(
    'weights/denied',
    `The server refused access to ${url} (HTTP ${status}).`,
    'Check the access token: it may be mistyped or expired, or may lack permission to read this model. Or use a public model.',
  );
}

/** Whether a body begins like a web page. JSON and safetensors files never do. */
export function looksLikeHtml(start: Uint8Array): boolean {
  return /^\s*<(?:!doctype|html)/i.test(new TextDecoder('latin1').decode(start.subarray(0, 256)));
}

export function htmlInstead(url: string): GorpError {
  return new GorpError(
    'weights/html',
    `${url} is a web page, not a file of a model.`,
    'Check the address: it may need a login, or lead to a page about the file instead of the file.',
  );
}

export function tooLarge(url: string, bytes: number | null, maxBytes = Infinity): GorpError | null {
  if (bytes === null || bytes <= maxBytes) return null;
  return new GorpError(
    'weights/too-large',
    `${url} takes ${formatBytes(bytes)} or more; the limit for this file is ${formatBytes(maxBytes)}.`,
    'Check that the address leads to a model folder with Hugging Face files.',
  );
}

export function wrongLength(url: string, announced: number, got: number): GorpError {
  const kind = got < announced ? BrokenDownload : GorpError;
  return new kind(
    'weights/wrong-length',
    `The server announced ${announced} bytes for ${url}, but sent ${got > announced ? 'more' : `only ${got}`}.`,
    'Start again; if the error persists, the file is damaged on the server.',
  );
}

export const interrupted = (url: string, bytes: number, cause: unknown): GorpError =>
  new BrokenDownload(
    'weights/interrupted',
    `The connection broke after ${bytes} bytes of ${url}.`,
    'Check the connection and start again: the download resumes there if the server allows it.',
    { cause },
  );

export const stalled = (url: string, bytes: number, seconds: number): GorpError =>
  new BrokenDownload(
    'weights/stalled',
    `The server sent nothing for ${seconds} s after ${bytes} bytes of ${url}.`,
    'Check the connection and start again: the download resumes there if the server allows it.',
  );

export const aborted = (url: string): GorpError =>
  new GorpError(
    'weights/aborted',
    `The download of ${url} was stopped.`,
    'Start again: complete files stay, and this one resumes if the server allows it.',
  );

/** Why a request failed without an answer. The browser does not tell a page, so {@link isThere} probes the server. */
export async function unreachable(url: string, fetch: typeof globalThis.fetch, cause: unknown): Promise<GorpError> {
  const why = cause instanceof Error ? cause.message : String(cause);
  if (globalThis.navigator?.onLine === false) {
    return new GorpError(
      'weights/offline',
      `${url} could not be reached: this machine is offline.`,
      'Connect to the network and start again. Models already downloaded work offline.',
      { cause },
    );
  }
  if (await isThere(url, fetch)) {
    return new GorpError(
      'weights/cors',
      `The server of ${url} does not allow this page to read from it (CORS).`,
      'Let the server send Access-Control-Allow-Origin, or download the files and choose them from disk.',
      { cause },
    );
  }
  return new GorpError(
    'weights/network',
    `${url} could not be reached: ${why}.`,
    'Check the address and the connection, then start again.',
    { cause },
  );
}
