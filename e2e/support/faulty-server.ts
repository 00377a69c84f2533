import type { ServerResponse } from 'node:http';
import { serveLocally } from '../../src/testing/local-server.ts';

/** What the server gives in place of a file. */
export interface Answer {
  status?: number;
  type?: string;
  body: Uint8Array<ArrayBuffer>;
  /** The connection breaks after half of the announced bytes. */
  breaks?: boolean;
}

/** The built app on an address of its own, where files can be put out of order. */
export interface FaultyServer {
  url: string;
  /** The file as it is. */
  original(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Makes every request for `path` (below the app) fail in this way; null mends it. */
  fault(path: string, answer: Answer | null): void;
  close(): Promise<void>;
}

/** @param appUrl where the app is served as it should be. */
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
