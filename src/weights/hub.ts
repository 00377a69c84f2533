import * as v from 'valibot';
import { insecureAddress, isSecureAddress } from '../base/address.ts';
import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { type Patience, PATIENCE } from './connection.ts';
import { type GgufChoice, ggufChoices, isGgufName, partsOf } from './gguf/splits.ts';
import type { GgufFile } from './model-messages.ts';
import { DEFAULT_REVISION } from './model-reference.ts';
import { denied, stalled, unreachable } from './response-checks.ts';

/** Hugging Face's hub. Mirrors, and the tests' local hub, have the same API. */
export const HUB = 'https://huggingface.co';

/** How to reach the hub. */
export interface HubAccess {
  /** Its address, as in `HF_ENDPOINT` of Hugging Face's tools. */
  endpoint: string;
  /** An access token of the user's account. It is sent only to the hub. */
  token: string | null;
}

/** A file of a repository, as the hub lists it. */
const HubFileSchema = v.object({
  name: v.string(),
  bytes: v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  /** Known for large files, which the hub stores with Git LFS. */
  sha256: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
});
export type HubFile = v.InferOutput<typeof HubFileSchema>;

/** A commit of a repository and the files at its root, with GGUF files also in folders. */
export const HubListingSchema = v.object({
  /** As requested. */
  repository: v.string(),
  revision: v.string(),
  /** Current full name of the repository, which may have moved. */
  id: v.string(),
  commit: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)),
  /** ISO 8601, UTC. */
  resolvedAt: v.string(),
  files: v.array(HubFileSchema),
});
export type HubListing = v.InferOutput<typeof HubListingSchema>;

/** The hub's answer: huggingface_hub, `ModelInfo` with `files_metadata=True`. */
const ModelInfoSchema = v.object({
  id: v.pipe(v.string(), v.regex(/^[\w.-]+(?:\/[\w.-]+)?$/)),
  sha: HubListingSchema.entries.commit,
  siblings: v.array(
    v.object({
      rfilename: v.string(),
      size: v.optional(HubFileSchema.entries.bytes, null),
      lfs: v.nullish(v.object({ sha256: HubFileSchema.entries.sha256 })),
    }),
  ),
});

/**
 * @throws GorpError `weights/bad-hub`, `weights/insecure`, `weights/bad-token`; the error does not contain the token.
 */
export function checkAccess({ endpoint, token }: HubAccess): HubAccess {
  const isUrl = URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol);
  if (!isUrl) {
    throw new GorpError(
      'weights/bad-hub',
      `${JSON.stringify(endpoint.replace(/^.*@/, '…@'))} is not the address of a hub.`,
      `Enter an address such as ${HUB}, or leave it empty.`,
    );
  }
  const { username, password, origin } = new URL(endpoint);
  if (username !== '' || password !== '') {
    throw new GorpError(
      'weights/bad-hub',
      'The address of the hub has a name or a password, which messages would show.',
      `Give ${origin} alone, and the access token by itself.`,
    );
  }
  if (!isSecureAddress(endpoint)) throw insecureAddress('weights/insecure', endpoint);
  if (token !== null && !/^[\x21-\x7e]{1,1000}$/.test(token)) {
    throw new GorpError(
      'weights/bad-token',
      'The access token contains invalid characters.',
      'Copy the token again from your account settings on the hub; it begins with hf_.',
    );
  }
  return { endpoint: endpoint.replace(/\/+$/, ''), token };
}

/** The origin of a hub's address, to which its token belongs; null if the text is not an address. */
export const hubOrigin = (endpoint: string): string | null =>
  URL.canParse(endpoint) && /^https?:/.test(endpoint) ? new URL(endpoint).origin : null;

/** Access to another hub. Drops the token if the origin differs, since a token belongs to one origin. */
export const withEndpoint = (before: HubAccess, endpoint: string): HubAccess => ({
  endpoint,
  token: hubOrigin(endpoint) === hubOrigin(before.endpoint) ? before.token : null,
});

/** A fetch that sends the token to the hub but not to servers it redirects to. */
export function authorizedFetch({ endpoint, token }: HubAccess, fetch = globalThis.fetch): typeof globalThis.fetch {
  if (token === null) return fetch;
  return (input, init) => {
    const url = input instanceof Request ? input.url : input.toString();
    if (new URL(url).origin !== new URL(endpoint).origin || init?.mode === 'no-cors') return fetch(input, init);
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };
}

/** The folder of a commit's files, with a slash at the end. Its content never changes. */
export const commitUrl = (endpoint: string, id: string, commit: string): string =>
  `${endpoint}/${id}/resolve/${commit}/`;

/** `org/name` and commit of a folder on a hub, from its {@link commitUrl}; null for any other address. */
export function parseCommitUrl(url: string): { id: string; commit: string } | null {
  const [, id, commit] = /\/([\w.-]+(?:\/[\w.-]+)?)\/resolve\/([0-9a-f]{40})\/$/.exec(new URL(url).pathname) ?? [];
  return id === undefined ? null : { id, commit };
}

/**
 * Asks the hub for a revision's current commit and its files.
 *
 * @throws GorpError `weights/offline`, `weights/cors`, `weights/network`, `weights/stalled`, `weights/denied`, `weights/insecure`,
 * `weights/no-repository`, `weights/no-revision`, `weights/hub-answer`, `weights/http`.
 */
export async function resolveRevision(
  { repository, revision }: { repository: string; revision: string },
  { endpoint, token }: HubAccess,
  {
    fetch = globalThis.fetch,
    signal,
    patience: { stallMs } = PATIENCE,
    kind = 'models',
  }: {
    fetch?: typeof globalThis.fetch | undefined;
    signal?: AbortSignal | undefined;
    patience?: Patience | undefined;
    /** Of a data set, files in folders are listed too. */
    kind?: 'models' | 'datasets';
  },
): Promise<HubListing> {
  const url = `${endpoint}/api/${kind}/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const limit = AbortSignal.timeout(stallMs);
  const ended = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const response = await fetch(url, { signal: ended }).catch(async (cause: unknown) => {
    signal?.throwIfAborted();
    throw limit.aborted ? stalled(url, 0, stallMs / 1000) : await unreachable(url, fetch, cause);
  });
  if (response.redirected && !isSecureAddress(response.url)) throw insecureAddress('weights/insecure', response.url);
  if (response.status !== 200)
    throw hubRefusal(response, { repository, revision, kind, url, hasToken: token !== null });
  const json: unknown = await response.json().catch(() => {
    signal?.throwIfAborted();
    if (limit.aborted) throw stalled(url, 0, stallMs / 1000);
    return null;
  });
  const parsed = v.safeParse(ModelInfoSchema, json, { abortEarly: true });
  if (!parsed.success) {
    throw new GorpError(
      'weights/hub-answer',
      `${endpoint} did not answer like a hub (${v.getDotPath(parsed.issues[0]) ?? 'no JSON object'}).`,
      `Check the address of the hub; Hugging Face's is ${HUB}.`,
    );
  }
  const { id, sha, siblings } = parsed.output;
  const files = siblings
    .filter(({ rfilename }) => kind === 'datasets' || !rfilename.includes('/') || isGgufName(rfilename))
    .map(({ rfilename, size, lfs }) => ({ name: rfilename, bytes: size, sha256: lfs?.sha256 ?? null }));
  return { repository, revision, id, commit: sha, resolvedAt: new Date().toISOString(), files };
}

interface Asked {
  repository: string;
  revision: string;
  kind: 'models' | 'datasets';
  url: string;
  hasToken: boolean;
}

function hubRefusal(response: Response, { repository, revision, kind, url, hasToken }: Asked): GorpError {
  const what = kind === 'models' ? 'model' : 'data set';
  const { status, headers } = response;
  const code = headers.get('x-error-code');
  if (code === 'RevisionNotFound') {
    return new GorpError(
      'weights/no-revision',
      `${repository} has no branch, tag or commit ${JSON.stringify(revision)}.`,
      'Check the part after the @, or omit it for the main branch.',
    );
  }
  // Without a token, the hub answers alike for private and missing repositories.
  if (status === 404 || code === 'RepoNotFound' || (status === 401 && !hasToken)) {
    return new GorpError(
      'weights/no-repository',
      `The hub has no ${what} ${repository}${hasToken ? ' that this token may read' : ', or it is private'}.`,
      `Check the name (org/name). For a private ${what}, give an access token that may read it (on the command line: HF_TOKEN).`,
    );
  }
  if (status === 401 || status === 403) return denied(response, url);
  return new GorpError(
    'weights/http',
    `The hub answered HTTP ${status} to the request for ${repository}.`,
    status === 429
      ? 'There were too many requests: wait a few minutes and start again.'
      : 'Wait a moment and start again.',
  );
}

/** A GGUF model of a repository. */
interface HubGguf extends GgufChoice {
  /** Bytes of all parts; null if the hub does not say. */
  readonly bytes: number | null;
}

/** The GGUF models of a repository. */
function ggufsIn({ files }: Pick<HubListing, 'files'>): HubGguf[] {
  const sizes = new Map(files.map(({ name, bytes }) => [name, bytes]));
  return ggufChoices([...sizes.keys()]).map(({ file, parts }) => {
    const bytes = parts.reduce((sum, part) => sum + (sizes.get(part) ?? NaN), 0);
    return { file, parts, bytes: Number.isNaN(bytes) ? null : bytes };
  });
}

/**
 * The GGUF models of a repository by the names that open them, at the revision that was asked for.
 *
 * @throws GorpError as {@link resolveRevision}; `weights/no-gguf` if there are none.
 */
export async function listGgufs(
  asked: { repository: string; revision: string },
  access: HubAccess,
): Promise<GgufFile[]> {
  const checkedAccess = checkAccess(access);
  const listing = await resolveRevision(asked, checkedAccess, { fetch: authorizedFetch(checkedAccess) });
  const { repository, revision } = asked;
  const name = revision === DEFAULT_REVISION ? repository : `${repository}@${revision}`;
  const files = ggufsIn(listing).map(({ file, bytes }) => ({ reference: `${name}:${file}`, file, bytes }));
  if (files.length > 0) return files;
  throw new GorpError(
    'weights/no-gguf',
    `${repository} has no GGUF files.`,
    'Choose it as it is, or another repository.',
  );
}

/**
 * Checks that a repository has the files this project reads, before any download.
 *
 * @param gguf the GGUF file that was asked for, if any.
 * @throws GorpError `weights/no-safetensors`, `weights/choose-gguf`, `weights/not-found`.
 */
export function checkListing(listing: HubListing, gguf: string | null): void {
  const { id, files } = listing;
  const names = new Set(files.map(({ name }) => name));
  const ggufs = ggufsIn(listing);
  const named = ggufs.map(({ file, bytes }) => `${id}:${file}${bytes === null ? '' : ` (${formatBytes(bytes)})`}`);
  if (gguf !== null) {
    const missing = partsOf(gguf).find((part) => !names.has(part));
    if (missing === undefined) return;
    throw new GorpError(
      'weights/not-found',
      `${id} has no ${missing}.`,
      named.length === 0 ? 'Choose a repository with GGUF files.' : `Choose one of these: ${named.join(', ')}.`,
    );
  }
  const hasWeights = names.has('model.safetensors') || names.has('model.safetensors.index.json');
  if (!hasWeights && named.length > 0) {
    throw new GorpError(
      'weights/choose-gguf',
      `${id} has GGUF files, and no safetensors.`,
      `Choose one of these: ${named.join(', ')}.`,
    );
  }
  // Models whose tokens are bytes have no tokenizer.json. Only tokenizer_config.json says so, so go by the name.
  const isByteModel = /byt5/i.test(id);
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    if (!names.has(name) && !(name === 'tokenizer.json' && isByteModel)) {
      throw new GorpError(
        'weights/not-found',
        `${id} has no ${name}.`,
        name === 'tokenizer.json'
          ? 'Choose a repository with a fast tokenizer, or save one with transformers’ AutoTokenizer and choose the folder.'
          : 'Choose the repository of a transformers model.',
      );
    }
  }
  if (hasWeights) return;
  throw noSafetensors(
    id,
    [...names].filter((name) => /\.(?:bin|h5|msgpack|gguf|pt|pth)$/.test(name)),
  );
}

/** @param others names of weight files in other formats. */
export const noSafetensors = (where: string, others: readonly string[], cause?: unknown): GorpError =>
  new GorpError(
    'weights/no-safetensors',
    `${where} has neither model.safetensors nor model.safetensors.index.json${others.length === 0 ? '' : `, only ${others.slice(0, 3).join(', ')}`}.`,
    'Convert other formats (pytorch_model.bin) to safetensors first: load the model with transformers, call save_pretrained, and choose the folder. Or choose a GGUF file of the model.',
    { cause },
  );
