import { asPieces } from '../base/pieces.ts';
import * as v from 'valibot';
import { addressProblem } from '../base/address.ts';
import { GorpError } from '../base/errors.ts';
import { EMBEDDED_FILES, type EmbeddedModel } from './embedded-models.ts';
import { openGguf, openGgufTexts } from './gguf/model.ts';
import { partsOf } from './gguf/splits.ts';
import {
  authorizedFetch,
  checkAccess,
  checkListing,
  commitUrl,
  type HubAccess,
  type HubListing,
  HubListingSchema,
  parseCommitUrl,
  resolveRevision,
} from './hub.ts';
import { readJson } from './model-files.ts';
import {
  type InspectTexts,
  type ModelFiles,
  type ModelFolder,
  type ModelOutline,
  modelOutline,
  type ModelTexts,
  openConfig,
  openModelFolder,
  openTexts,
} from './model-folder.ts';
import { DEFAULT_REVISION, isAddress, type ModelReference } from './model-reference.ts';
import { type PickedFile, PickedFolder } from './picked-folder.ts';
import { filePath, folderUrl, nameInStore, RemoteFolder, type RemoteOptions } from './remote-folder.ts';
import type { Manifest } from './store-format.ts';
import { openMemoryStore, type WeightStore, writePieces } from './store.ts';

/** Failures of the hub after which an earlier answer still serves. */
const UNREACHED = [
  'weights/offline',
  'weights/network',
  'weights/cors',
  'weights/http',
  'weights/stalled',
  // A captive portal answers in the hub's place or redirects.
  'weights/hub-answer',
  'weights/insecure',
];

/** A repository at a revision; `file` is the GGUF file to read, if it is not a model folder. */
interface AskedModel {
  repository: string;
  revision: string;
  file?: string;
}

/**
 * Opens a repository on the hub, pinned to its revision's current commit. The hub's answer is stored with the files, so
 * that a model used before works without network. A revision that is a commit is looked up only once.
 *
 * @throws GorpError as {@link resolveRevision} and {@link checkListing}; `weights/bad-hub`, `weights/bad-token`.
 */
async function openHubFolder(
  asked: AskedModel,
  access: HubAccess,
  store: WeightStore,
  options: RemoteOptions,
): Promise<RemoteFolder> {
  const checkedAccess = checkAccess(access);
  const { endpoint } = checkedAccess;
  const fetch = authorizedFetch(checkedAccess, options.fetch);
  const listing = await findListing(asked, checkedAccess, store, { ...options, fetch });
  checkListing(listing, asked.file ?? null);
  const { id, commit, files } = listing;
  return new RemoteFolder(commitUrl(endpoint, id, commit), store, { ...options, fetch }, { name: id, commit, files });
}

async function findListing(
  asked: AskedModel,
  access: HubAccess,
  store: WeightStore,
  options: RemoteOptions,
): Promise<HubListing> {
  const stored = (await storedListings(store, access.endpoint)).filter(
    ({ repository, id, revision, commit }) =>
      [repository, id].includes(asked.repository) && (revision === asked.revision || commit === asked.revision),
  );
  const pinned = stored.find(({ commit }) => commit === asked.revision);
  if (pinned !== undefined) return pinned;
  try {
    const listing = await resolveRevision(asked, access, options);
    checkListing(listing, asked.file ?? null);
    // Only needed without network: if the disk is full, the model works without it.
    await saveListing(store, access.endpoint, listing).catch((thrown: unknown) => {
      if (!(thrown instanceof GorpError) || !thrown.code.startsWith('store/')) throw thrown;
    });
    return listing;
  } catch (thrown) {
    const latest = stored.sort((a, b) => b.resolvedAt.localeCompare(a.resolvedAt)).at(0);
    if (latest === undefined || !(thrown instanceof GorpError) || !UNREACHED.includes(thrown.code)) throw thrown;
    return latest;
  }
}

/** Stores a listing under the address of its folder. */
async function saveListing(store: WeightStore, endpoint: string, listing: HubListing): Promise<void> {
  const url = commitUrl(endpoint, listing.id, listing.commit);
  const bytes = new TextEncoder().encode(JSON.stringify(listing));
  const origin = { url, etag: null, bytes: bytes.length, sha256: null };
  await writePieces(store, url, origin, asPieces(bytes));
}

async function storedListings(store: WeightStore, endpoint: string): Promise<HubListing[]> {
  const listings: HubListing[] = [];
  for (const { file, url, bytes } of await store.list()) {
    if (!url.startsWith(`${endpoint}/`) || !url.endsWith('/')) continue;
    const text = new TextDecoder().decode(await store.read(file, 0, bytes));
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), HubListingSchema), text);
    if (parsed.success) listings.push(parsed.output);
  }
  return listings;
}

/** The access that opening a model may need besides its name. Not settings, so never recorded. */
export interface ModelAccess {
  hub: HubAccess;
  /** The files of the models that the user picked, by the name in a reference of kind `picked`. */
  picked: ReadonlyMap<string, readonly PickedFile[]>;
}

/** Where each embedded model is; `version` identifies the content behind the address. */
export type EmbeddedPlaces = Readonly<Record<EmbeddedModel['folder'], { url: string; version: string }>>;

/** The places that opening a model needs besides: the store, and where the embedded models are. */
export interface ModelPlaces extends ModelAccess {
  store: WeightStore;
  embedded: EmbeddedPlaces;
}

export interface OpenOptions extends RemoteOptions {
  inspect?: InspectTexts | undefined;
}

/**
 * Opens a model from any source. Remote files are downloaded into the store once and used from there; picked files are
 * read in place.
 *
 * @throws GorpError as {@link openModelFolder}, the folder's kind and {@link WeightStore}.
 */
export async function openModel(
  reference: ModelReference,
  places: ModelPlaces,
  { inspect, ...options }: OpenOptions = {},
): Promise<ModelFiles> {
  const { folder, gguf } = await placeOf(reference, places, options);
  return gguf === null ? openModelFolder(folder, inspect) : openGguf(folder, gguf, inspect);
}

/** Only the small files of a model; downloads are stored. @throws GorpError as {@link openModel}. */
export async function readTextFiles(reference: ModelReference, places: ModelPlaces): Promise<ModelTexts> {
  const { folder, gguf } = await placeOf(reference, places, {});
  return gguf === null ? openTexts(folder) : openGgufTexts(folder, gguf);
}

/**
 * The small files of a model without a request to another server: from the store, picked files or the app's own folder.
 * Null if they are in none of them.
 *
 * @throws GorpError as {@link openModel}.
 */
export async function readTextFilesHere(reference: ModelReference, places: ModelPlaces): Promise<ModelTexts | null> {
  if (reference.kind !== 'hub' && reference.kind !== 'url') return readTextFiles(reference, places);
  try {
    const { folder, gguf } = await placeOf(reference, places, OFFLINE);
    return gguf === null ? await openTexts(folder) : await openGgufTexts(folder, gguf);
  } catch (thrown) {
    if (thrown instanceof GorpError && thrown.code.startsWith('weights/')) return null;
    throw thrown;
  }
}

/** As if there were no network: what is stored can still be read. */
const OFFLINE: RemoteOptions = {
  fetch: () => Promise.reject(new TypeError('No request is made.')),
  patience: { stallMs: 1, backoffMs: [] },
};

const CONFIG = 'config.json';

/**
 * The outline of a model from its config.json, a few KB, or from the header of its GGUF file; from the store or else from
 * the model's source. Stores nothing.
 *
 * @throws GorpError as {@link openModel}.
 */
export async function readOutline(reference: ModelReference, places: ModelPlaces): Promise<ModelOutline> {
  const stored = await storedOutline(reference, places);
  if (stored !== null) return stored;
  return outlineIn(await placeOf(reference, { ...places, store: await openMemoryStore() }, {}));
}

/** The outline of a model in a folder. @throws GorpError as {@link openModel}. */
export const outlineIn = async ({ folder, gguf }: ModelPlace): Promise<ModelOutline> =>
  modelOutline(gguf === null ? { config: await openConfig(folder) } : await openGgufTexts(folder, gguf));

/**
 * The outline of a model without a request to another server: from the store, picked files or the app's own folder.
 * Null if it is in none of them.
 *
 * @throws GorpError as {@link openModel}.
 */
export async function readOutlineHere(reference: ModelReference, places: ModelPlaces): Promise<ModelOutline | null> {
  return reference.kind === 'hub' || reference.kind === 'url'
    ? storedOutline(reference, places)
    : readOutline(reference, places);
}

/** The outline of a repository's latest commit in the store. */
async function storedOutline(
  reference: ModelReference,
  { store, embedded }: Pick<ModelPlaces, 'store' | 'embedded'>,
): Promise<ModelOutline | null> {
  if (reference.kind === 'picked') return null;
  /** Whether a stored file, of this name on its server, is the model's. */
  const isThere: IsThere = ({ url, file }, name) => {
    if (reference.kind === 'embedded') {
      const { url: home, version } = embedded[reference.folder];
      return file === nameInStore(`${folderUrl(home)}${CONFIG}`, version);
    }
    const folder = url.slice(0, -name.length);
    if (reference.kind === 'url') return folder === folderUrl(reference.url);
    const pinned = parseCommitUrl(folder);
    const { repository, revision } = reference;
    return pinned?.id === repository && [DEFAULT_REVISION, pinned.commit].includes(revision);
  };
  const gguf = ggufOf(reference);
  if (gguf !== null) return storedGgufOutline(gguf, await store.list(), isThere, store);
  const last = (await store.list())
    .filter(({ url }) => url.endsWith(`/${CONFIG}`))
    .findLast((one) => isThere(one, CONFIG));
  if (last === undefined) return null;
  const { file, bytes } = last;
  const config = await readJson({
    name: CONFIG,
    bytes,
    read: (begin, end) => store.read(file, begin, end),
    discard: () => store.remove(file),
  });
  return modelOutline({ config });
}

type IsThere = (stored: { url: string; file: string }, name: string) => boolean;

/** Reads the header of a stored GGUF file; null unless all of its parts are stored. */
async function storedGgufOutline(
  file: string,
  list: readonly Manifest[],
  isThere: IsThere,
  store: WeightStore,
): Promise<ModelOutline | null> {
  const path = filePath(partsOf(file)[0]);
  const first = list.filter(({ url }) => url.endsWith(`/${path}`)).findLast((one) => isThere(one, path));
  if (first === undefined) return null;
  const folder = new RemoteFolder(first.url.slice(0, -path.length), store, {});
  for (const part of partsOf(file)) if (!(await folder.has(part))) return null;
  return outlineIn({ folder, gguf: file });
}

/** Where a model's files are; `gguf` is the name of its GGUF file, null for a model of JSON and safetensors files. */
interface ModelPlace {
  folder: ModelFolder;
  gguf: string | null;
}

async function placeOf(reference: ModelReference, places: ModelPlaces, options: RemoteOptions): Promise<ModelPlace> {
  if (reference.kind === 'picked') {
    const folder = new PickedFolder(reference.name, places.picked.get(reference.name) ?? []);
    return { folder, gguf: folder.gguf() };
  }
  const folder = await folderOf(reference, places, options);
  return { folder, gguf: ggufOf(reference) };
}

/** The GGUF file that a reference names; null if it names none. */
const ggufOf = (reference: ModelReference): string | null => ('file' in reference ? (reference.file ?? null) : null);

async function folderOf(
  reference: Exclude<ModelReference, { kind: 'picked' }>,
  { store, embedded, hub }: ModelPlaces,
  options: RemoteOptions,
): Promise<ModelFolder> {
  switch (reference.kind) {
    case 'embedded': {
      const { url, version } = embedded[reference.folder];
      const files = EMBEDDED_FILES.map((name) => ({ name, bytes: null, sha256: null }));
      const folder = new RemoteFolder(url, store, options, { version, files });
      await folder.removeOtherVersions();
      return folder;
    }
    case 'url':
      return new RemoteFolder(reference.url, store, options);
    case 'hub':
      return openHubFolder(reference, hub, store, options);
  }
}

/** The model that a setting names. @throws GorpError `settings/model`. */
export function requireReference(reference: ModelReference | null, text: string): ModelReference {
  if (reference !== null) return reference;
  const problem = isAddress(text) ? addressProblem(text) : null;
  if (problem !== null) throw new GorpError('settings/model', problem.message, problem.nextStep);
  throw new GorpError(
    'settings/model',
    `${JSON.stringify(text)} is not the name of a model.`,
    'Use embedded, embedded-llama, a repository (org/name or org/name@revision), a GGUF file in one (org/name:FILE.gguf), or the address of a folder or GGUF file beginning with https://.',
  );
}
