import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type LocalServer, serveLocally } from './local-server.ts';

/** How one answer differs from a healthy server's. */
export interface Fault {
  /** Answers with this status, without the file. */
  status?: number;
  headers?: Record<string, string>;
  /** Answers with a web page and status 200. */
  html?: boolean;
  /** Breaks the connection after this many bytes of the body. */
  cutAfter?: number;
  /** Sends nothing more after this many bytes of the body. */
  stallAfter?: number;
  /** Sends the whole file, whatever range was requested. */
  ignoresRange?: boolean;
  /** Sends another version of the content, with this ETag and these bytes. */
  changedTo?: { etag: string; body: Uint8Array };
  /** Changes the last byte of the body. */
  corrupts?: boolean;
}

/** A file request that reached the CDN. */
interface CdnRequest {
  file: string;
  range: string | undefined;
  ifRange: string | undefined;
  authorization: string | undefined;
}

/** Simulates the Hugging Face hub: its API, redirects to a CDN on another origin, tokens, and faults on request. */
export interface LocalHub {
  /** Address of the hub, without slash at the end. */
  endpoint: string;
  /** Paths requested from the hub, in order. */
  requests: string[];
  /** Requests that reached the CDN, in order. */
  cdnRequests: CdnRequest[];
  /** Points `revision` of a model, or of `datasets/org/name`, to a new commit with these files. @returns its hash. */
  push(repo: string, files: Record<string, string | Uint8Array>, revision?: string): string;
  /** Gates the repository: files need this token; null opens it. */
  gate(repo: string, token: string | null): void;
  /** Gives the next requests for a file these faults, one each. */
  fault(file: string, ...faults: Fault[]): void;
  close(): Promise<void>;
}

interface Repository {
  /** By hash and revision. */
  commits: Map<string, { sha: string; files: Map<string, Buffer> }>;
  token: string | null;
}

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'X-Repo-Commit,X-Error-Code,X-Error-Message,ETag,Accept-Ranges,Content-Range',
};
const sha256 = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');

/** Starts a hub and its CDN on free ports. */
export async function startLocalHub(): Promise<LocalHub> {
  const repositories = new Map<string, Repository>();
  const faults = new Map<string, Fault[]>();
  const cdnRequests: CdnRequest[] = [];
  let pushes = 0;

  const cdn: LocalServer = await serveLocally((request, response) => {
    const [repo, sha, file] = [1, 2, 3].map((i) => decodeURIComponent((request.url ?? '').split('/')[i] ?? ''));
    const { range, authorization, 'if-range': ifRange } = request.headers;
    if (preflight(request, response)) return;
    cdnRequests.push({ file, range, ifRange: ifRange?.toString(), authorization });
    const body = repositories.get(repo)?.commits.get(sha)?.files.get(file) ?? Buffer.alloc(0);
    sendFile(response, body, range, ifRange?.toString(), faults.get(file)?.shift() ?? {});
  });

  const hub = await serveLocally((request, response) => {
    if (preflight(request, response)) return;
    const url = new URL(request.url ?? '/', 'http://hub');
    const api = /^\/api\/(?:models|(datasets))\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(url.pathname);
    const resolve = /^\/(?:(datasets)\/)?([^/]+\/[^/]+)\/resolve\/([0-9a-f]{40})\/(.+)$/.exec(url.pathname);
    const [, kind, id = '', revision = '', path] = api ?? resolve ?? [];
    const name = kind === undefined ? id : `${kind}/${id}`;
    const file = path === undefined ? undefined : decodeURIComponent(path);
    const repository = repositories.get(name);
    const { authorization } = request.headers;
    const fail = (status: number, code: string): void => {
      response.writeHead(status, { ...CORS, 'x-error-code': code }).end(code);
    };
    const fault = api === null ? undefined : faults.get('api')?.shift();
    const known = [...repositories.values()].map(({ token }) => `Bearer ${token}`);
    if (fault?.status !== undefined) response.writeHead(fault.status, { ...CORS, ...fault.headers }).end();
    else if (authorization !== undefined && !known.includes(authorization)) response.writeHead(401, CORS).end();
    else if (repository === undefined) fail(authorization === undefined ? 401 : 404, 'RepoNotFound');
    else {
      const commit = repository.commits.get(decodeURIComponent(revision));
      if (commit === undefined) fail(404, 'RevisionNotFound');
      else if (api !== null) {
        response.writeHead(200, { ...CORS, 'content-type': 'application/json' });
        response.end(JSON.stringify(modelInfo(id, commit, repository.token !== null)));
      } else if (repository.token !== null && authorization !== `Bearer ${repository.token}`) fail(403, 'GatedRepo');
      else if (!commit.files.has(file ?? '')) fail(404, 'EntryNotFound');
      else {
        const location = `${cdn.url}${[name, commit.sha, file ?? ''].map(encodeURIComponent).join('/')}`;
        response.writeHead(302, { ...CORS, location, 'x-repo-commit': commit.sha }).end();
      }
    }
  });

  return {
    endpoint: hub.url.slice(0, -1),
    requests: hub.requests,
    cdnRequests,
    push: (repo, files, revision = 'main') => {
      const sha = createHash('sha1').update(`${repo} ${pushes++}`).digest('hex');
      const repository = repositories.get(repo) ?? { commits: new Map(), token: null };
      const commit = { sha, files: new Map(Object.entries(files).map(([name, body]) => [name, Buffer.from(body)])) };
      repository.commits.set(sha, commit).set(revision, commit);
      repositories.set(repo, repository);
      return sha;
    },
    gate: (repo, token) => {
      const repository = repositories.get(repo);
      if (repository !== undefined) repository.token = token;
    },
    fault: (file, ...list) => void faults.set(file, list),
    close: async () => {
      await Promise.all([hub.close(), cdn.close()]);
    },
  };
}

/** The hub's answer to `?blobs=true`: large files are in LFS, with their SHA-256. */
function modelInfo(id: string, commit: { sha: string; files: Map<string, Buffer> }, gated: boolean): object {
  const siblings = [...commit.files].map(([rfilename, body]) => ({
    rfilename,
    size: body.length,
    ...(rfilename.endsWith('.safetensors')
      ? { lfs: { sha256: sha256(body), size: body.length, pointerSize: 134 } }
      : {}),
  }));
  return { id, sha: commit.sha, private: false, gated: gated ? 'manual' : false, siblings };
}

/** Answers a CORS preflight. Like most servers, allows Range but not If-Range. */
function preflight(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method !== 'OPTIONS') return false;
  response.writeHead(204, { ...CORS, 'access-control-allow-headers': 'authorization, range' }).end();
  return true;
}

/** Sends a file or the requested range with its ETag, altered by a fault if there is one. */
export function sendFile(
  response: ServerResponse,
  file: Uint8Array,
  range: string | undefined,
  ifRange: string | undefined,
  fault: Fault = {},
): void {
  const { body: whole, etag } = fault.changedTo ?? { body: file, etag: `"${sha256(file).slice(0, 16)}"` };
  if (fault.status !== undefined) {
    response.writeHead(fault.status, { ...CORS, ...fault.headers }).end();
    return;
  }
  if (fault.html === true) {
    response.writeHead(200, { ...CORS, 'content-type': 'text/html' }).end('<!doctype html><title>Log in</title>');
    return;
  }
  const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
  const first = Number(asked?.[1] ?? 0);
  const end = Math.min(whole.length, asked === null || asked[2] === '' ? Infinity : Number(asked[2]) + 1);
  const asksPart = fault.ignoresRange !== true && asked !== null && (ifRange === undefined || ifRange === etag);
  if (asksPart && first >= whole.length) {
    response.writeHead(416, { ...CORS, 'content-range': `bytes */${whole.length}` }).end();
    return;
  }
  const body = Buffer.from(asksPart ? whole.subarray(first, end) : whole);
  if (fault.corrupts === true) body[body.length - 1] ^= 1;
  response.writeHead(asksPart ? 206 : 200, {
    ...CORS,
    etag,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'content-length': body.length,
    ...(asksPart ? { 'content-range': `bytes ${first}-${end - 1}/${whole.length}` } : {}),
    ...fault.headers,
  });
  if (fault.cutAfter !== undefined) response.write(body.subarray(0, fault.cutAfter), () => response.destroy());
  else if (fault.stallAfter !== undefined) response.write(body.subarray(0, fault.stallAfter));
  else response.end(body);
}
