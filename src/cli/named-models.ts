import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatBytes } from '../base/units.ts';
import { openBaseModel, type SavedRound } from '../run/files/saved-round.ts';
import { embeddedModel } from '../weights/embedded-models.ts';
import { openGguf, openGgufTexts } from '../weights/gguf/model.ts';
import { isGgufName } from '../weights/gguf/splits.ts';
import { HUB, type HubAccess } from '../weights/hub.ts';
import {
  type ModelFiles,
  type ModelOutline,
  type ModelTexts,
  openModelFolder,
  openTexts,
} from '../weights/model-folder.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import {
  type ModelPlaces,
  openModel,
  type OpenOptions,
  outlineIn,
  readOutline,
  readTextFiles,
  requireReference,
} from '../weights/source.ts';
import { openStore, type WeightStore } from '../weights/store.ts';
import { DiskFolder } from './disk-folder.ts';
import { FolderKeyValue } from './key-value-folder.ts';
import { cacheFile } from './machine.ts';

/** The folder of the embedded models and tasks, in the built package or a checkout. */
export const embeddedFolder = findEmbedded(dirname(fileURLToPath(import.meta.url)));

function findEmbedded(from: string): string {
  const folder = join(from, 'public', 'embedded');
  if (existsSync(folder)) return folder;
  const above = dirname(from);
  if (above === from) throw new Error('The package lacks public/embedded.');
  return findEmbedded(above);
}

/** Where fetched models are stored: `GORP_WEB_CACHE`, else the user's cache folder. */
export const modelsFolder = (env: Readonly<Record<string, string | undefined>> = process.env): string =>
  env['GORP_WEB_CACHE'] || cacheFile('models', env);

/** The fetched models. @throws GorpError `store/failed`. */
export const openModels = async (): Promise<WeightStore> => openStore(await FolderKeyValue.open(modelsFolder()));

/** The hub as the environment names it. Empty variables count as unset. */
export const hubAccess = (env: Readonly<Record<string, string | undefined>> = process.env): HubAccess => ({
  endpoint: env['HF_ENDPOINT'] || HUB,
  token: env['HF_TOKEN'] || null,
});

/**
 * Opens a model as the command line names it: `embedded`, `embedded-llama`, a folder or GGUF file on disk,
 * `org/name[@revision][:FILE.gguf]` or an address. Stores what it fetches. `HF_TOKEN` opens gated repositories, `HF_ENDPOINT` names another hub, as for
 * Hugging Face's own tools.
 *
 * @throws GorpError as {@link openModel}.
 */
export async function openNamedModel(name: string, options: OpenOptions = {}): Promise<ModelFiles> {
  const place = placeOnDisk(name);
  if (place !== null) {
    const { path, gguf } = place;
    const folder = await DiskFolder.open(path);
    return gguf === null ? openModelFolder(folder, options.inspect) : openGguf(folder, gguf, options.inspect);
  }
  const reference = requireReference(parseModelReference(name), name);
  return openModel(reference, await places(), options);
}

async function places(): Promise<ModelPlaces> {
  const onDisk = { url: '', version: '' };
  return { hub: hubAccess(), picked: new Map(), embedded: { model: onDisk, llama: onDisk }, store: await openModels() };
}

/** The folder of a model on this machine, embedded or named, and the GGUF file in it, if it is one; else null. */
function placeOnDisk(name: string): { path: string; gguf: string | null } | null {
  const embedded = embeddedModel(name);
  if (embedded !== undefined) return { path: join(embeddedFolder, embedded.folder), gguf: null };
  if (!isOnDisk(name)) return null;
  return isGgufName(name) ? { path: dirname(name), gguf: basename(name) } : { path: name, gguf: null };
}

/**
 * The outline of a model as the command line names it; nothing is stored.
 *
 * @throws GorpError as {@link readOutline}.
 */
export async function openNamedOutline(name: string): Promise<ModelOutline> {
  const place = placeOnDisk(name);
  if (place !== null) {
    return outlineIn({ folder: await DiskFolder.open(place.path), gguf: place.gguf });
  }
  const reference = requireReference(parseModelReference(name), name);
  return readOutline(reference, await places());
}

/**
 * The small files of a model as the command line names it; downloads are stored.
 *
 * @throws GorpError as {@link readTextFiles}.
 */
export async function openNamedTexts(name: string): Promise<ModelTexts> {
  const place = placeOnDisk(name);
  if (place !== null) {
    const folder = await DiskFolder.open(place.path);
    return place.gguf === null ? openTexts(folder) : openGgufTexts(folder, place.gguf);
  }
  const reference = requireReference(parseModelReference(name), name);
  return readTextFiles(reference, await places());
}

/** Whether a model's name means a folder or file on disk; `org/name` does when there is such a folder. */
const isOnDisk = (name: string): boolean => name.startsWith('.') || name.startsWith('/') || existsSync(name);

/** Where progress is shown: a `Terminal`, whose type would bring Node's into the package's declarations. */
interface ProgressLine {
  readonly live: (text: string) => void;
}

/** Opens a model by name, and shows what is loaded. @throws GorpError as {@link openNamedModel}. */
export const openShown = (name: string, terminal: ProgressLine): Promise<ModelFiles> =>
  openNamedModel(name, {
    onProgress: ({ file, bytes, totalBytes }) =>
      terminal.live(`Loading ${file}: ${formatBytes(bytes)} of ${formatBytes(totalBytes ?? bytes)}`),
  });

/**
 * Opens the model that a round was trained on.
 *
 * @param named where to look instead of where the round says.
 * @throws GorpError as {@link openBaseModel}.
 */
export const openTrainedModel = (
  saved: SavedRound,
  named: string | undefined,
  terminal: ProgressLine,
): Promise<ModelFiles> =>
  openBaseModel(saved, (model) => openShown(model, terminal), {
    model: named,
    otherwise: 'If it has moved, name it with --model.',
  });
