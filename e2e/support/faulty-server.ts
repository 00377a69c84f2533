import type { ServerResponse } from 'node:http';
import { serveLocally } from '../../src/testing/local-server.ts';

/** The answer of the server in place of a file. */
export interface Answer {
  status?: number;
  type?: string;
  body: Uint8Array<ArrayBuffer>;
  /** The connection breaks after half of the announced bytes. */
  breaks?: boolean;
}

/** The built app at its own address, where requests for files can be made to fail. */
export interface FaultyServer {
  url: string;
  /** The undamaged file. */
  original(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Makes every request for `path` (below the app) fail in this way; null restores it. */
  fault(path: string, answer: Answer | null): void;
  close(): Promise<void>;
}

/** @param appUrl where the app is served without faults. */
export async function serveWithFaults(appUrl: string): Promise<FaultyServer> {
  const faults = new Map<string, Answer>();
  const fetched = async (path: string): Promise<Answer> => {
    const response = await fetch(new URL(path, appUrl));
    const type = response.headers.get('content-type') ?? 'application/octet-stream';
    return { status: response.status, type, body: new Uint8Array(await response.arrayBuffer()) };
  };
  const server = await serveLocally(({ url = '/' }, response) => {
    const path = url.slice(1);
    const answer = faults.get(path);
    (answer === undefined ? fetched(path) : Promise.resolve(answer)).then(
      (found) => send(response, found),
      () => response.destroy(),
    );
  });
  return {
    url: server.url,
    close: () => server.close(),
    original: async (path) => (await fetched(path)).body,
    fault: (path, answer) => {
      if (answer === null) faults.delete(path);
      else faults.set(path, answer);
    },
  };
}

function send(response: ServerResponse, { status = 200, type, body, breaks = false }: Answer): void {
  response.writeHead(status, { 'content-type': type ?? 'application/octet-stream', 'content-length': body.length });
  if (breaks) response.write(body.subarray(0, body.length / 2), () => response.destroy());
  else response.end(body);
}
