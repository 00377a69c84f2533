import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import {
  authorizedFetch,
  checkAccess,
  checkListing,
  commitUrl,
  type HubAccess,
  type HubListing,
  HubListingSchema,
  resolveRevision,
} from './hub.ts';
import { RemoteFolder, type RemoteOptions } from './remote-folder.ts';
import { type WeightStore, writePieces } from './store.ts';

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
export async function openHubFolder(
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
  await writePieces(store, url, origin, oneByOne(bytes));
}

/** Safari cannot iterate the stream of a Blob. */
// oxlint-disable-next-line typescript/require-await -- the store takes pieces as they arrive.
async function* oneByOne(...pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
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
