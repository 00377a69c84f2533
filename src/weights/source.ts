import { GorpError } from '../base/errors.ts';
import type { HubAccess } from './hub.ts';
import { openHubFolder } from './hub-folder.ts';
import { type ModelFiles, type ModelFolder, openModelFolder } from './model-folder.ts';
import type { ModelReference } from './model-reference.ts';
import { type PickedFile, PickedFolder } from './picked-folder.ts';
import { RemoteFolder, type RemoteOptions } from './remote-folder.ts';
import type { WeightStore } from './store.ts';

/** What opening a model may need beside its name. None of it is a setting: it is not recorded anywhere. */
export interface ModelAccess {
  hub: HubAccess;
  /** Files that the person picked, for a reference of kind `picked`. */
  files: readonly PickedFile[];
}

/** What else opening a model takes: the place it is kept in, and where the model that comes with the app lies. */
export interface ModelPlaces extends ModelAccess {
  store: WeightStore;
  /** `version` names the content behind the address. */
  embedded: { url: string; version: string };
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
  options: RemoteOptions = {},
): Promise<ModelFiles> {
  return openModelFolder(await folderOf(reference, places, options));
}

async function folderOf(
  reference: ModelReference,
  { store, embedded, hub, files }: ModelPlaces,
  options: RemoteOptions,
): Promise<ModelFolder> {
  switch (reference.kind) {
    case 'embedded': {
      const folder = new RemoteFolder(embedded.url, store, options, { version: embedded.version });
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
  throw new GorpError(
    'settings/model',
    `${JSON.stringify(text)} names no model.`,
    'Give embedded, a repository as org/name or org/name@revision, or the address of a folder beginning with https://.',
  );
}
