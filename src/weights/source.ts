import { addressProblem } from '../base/address.ts';
import { GorpError } from '../base/errors.ts';
import type { EmbeddedModel } from './embedded-models.ts';
import { type HubAccess, parseCommitUrl } from './hub.ts';
import { openHubFolder } from './hub-folder.ts';
import { readJson } from './model-files.ts';
import {
  type InspectTexts,
  type ModelFiles,
  type ModelFolder,
  type ModelTexts,
  openConfig,
  openModelFolder,
  openTexts,
} from './model-folder.ts';
import { DEFAULT_REVISION, isAddress, type ModelReference } from './model-reference.ts';
import { type PickedFile, PickedFolder } from './picked-folder.ts';
import { folderUrl, nameInStore, RemoteFolder, type RemoteOptions } from './remote-folder.ts';
import { openMemoryStore, type WeightStore } from './store.ts';

/** What opening a model may need beside its name. None of it is a setting: it is not recorded anywhere. */
export interface ModelAccess {
  hub: HubAccess;
  /** Files that the person picked, for a reference of kind `picked`. */
  files: readonly PickedFile[];
}

/** Where an embedded model lies; `version` names the content behind the address. */
export type EmbeddedPlaces = Readonly<Record<EmbeddedModel['folder'], { url: string; version: string }>>;

/** What else opening a model takes: the place it is kept in, and where the models that come with the app lie. */
export interface ModelPlaces extends ModelAccess {
  store: WeightStore;
  embedded: EmbeddedPlaces;
}

export interface OpenOptions extends RemoteOptions {
  inspect?: InspectTexts | undefined;
}

/**
 * Opens a model wherever it comes from. What has to be fetched goes into the store first, and is used from there ever
 * after; picked files are read where they are.
 *
 * @throws GorpError as {@link openModelFolder}, the folder's kind and {@link WeightStore}.
 */
export async function openModel(
  reference: ModelReference,
  places: ModelPlaces,
  { inspect, ...options }: OpenOptions = {},
): Promise<ModelFiles> {
  return openModelFolder(await folderOf(reference, places, options), inspect);
}

/** The small files of a model alone; what has to be fetched is kept. @throws GorpError as {@link openModel}. */
export const readTextFiles = async (reference: ModelReference, places: ModelPlaces): Promise<ModelTexts> =>
  openTexts(await folderOf(reference, places, {}));

const CONFIG = 'config.json';

/**
 * The config.json of a model alone, some KB: what the store has of it, else from where the model lies. Nothing is kept.
 *
 * @throws GorpError as {@link openModel}.
 */
export async function readConfig(reference: ModelReference, places: ModelPlaces): Promise<unknown> {
  const stored = await storedConfig(reference, places);
  if (stored !== null) return stored;
  return openConfig(await folderOf(reference, { ...places, store: await openMemoryStore() }, {}));
}

/**
 * The config.json of a model where it can be had without asking another server: from the store, from picked files, from
 * the app's own folder. Null where it cannot.
 *
 * @throws GorpError as {@link openModel}.
 */
export async function readConfigHere(reference: ModelReference, places: ModelPlaces): Promise<unknown> {
  return reference.kind === 'hub' || reference.kind === 'url'
    ? storedConfig(reference, places)
    : readConfig(reference, places);
}

/** Of a repository's commits in the store, the one that came last. */
async function storedConfig(
  reference: ModelReference,
  { store, embedded }: Pick<ModelPlaces, 'store' | 'embedded'>,
): Promise<unknown> {
  if (reference.kind === 'picked') return null;
  const isThere = ({ url, file }: { url: string; file: string }): boolean => {
    if (reference.kind === 'embedded') {
      const { url: home, version } = embedded[reference.folder];
      return file === nameInStore(`${folderUrl(home)}${CONFIG}`, version);
    }
    const folder = url.slice(0, -CONFIG.length);
    if (reference.kind === 'url') return folder === folderUrl(reference.url);
    const pinned = parseCommitUrl(folder);
    const { repository, revision } = reference;
    return pinned?.id === repository && [DEFAULT_REVISION, pinned.commit].includes(revision);
  };
  const last = (await store.list()).filter(({ url }) => url.endsWith(`/${CONFIG}`)).findLast(isThere);
  if (last === undefined) return null;
  const { file, bytes } = last;
  return readJson({
    name: CONFIG,
    bytes,
    read: (begin, end) => store.read(file, begin, end),
    discard: () => store.remove(file),
  });
}

async function folderOf(
  reference: ModelReference,
  { store, embedded, hub, files }: ModelPlaces,
  options: RemoteOptions,
): Promise<ModelFolder> {
  switch (reference.kind) {
    case 'embedded': {
      const { url, version } = embedded[reference.folder];
      const folder = new RemoteFolder(url, store, options, { version });
      await folder.removeOtherVersions();
      return folder;
    }
    case 'url':
      return new RemoteFolder(reference.url, store, options);
    case 'hub':
      return openHubFolder(reference, hub, store, options);
    case 'picked':
      return new PickedFolder(reference.name, files);
  }
}

/** What a model setting names. @throws GorpError `settings/model`. */
export function requireReference(reference: ModelReference | null, text: string): ModelReference {
  if (reference !== null) return reference;
  const problem = isAddress(text) ? addressProblem(text) : null;
  if (problem !== null) throw new GorpError('settings/model', problem.message, problem.nextStep);
  throw new GorpError(
    'settings/model',
    `${JSON.stringify(text)} names no model.`,
    'Give embedded or embedded-llama, a repository as org/name or org/name@revision, or the address of a folder beginning with https://.',
  );
}
