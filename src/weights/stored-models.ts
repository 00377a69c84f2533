import { GorpError } from '../base/errors.ts';
import { hasByteTokens } from '../base/tokenizer-config.ts';
import { isGgufName, partsOf } from './gguf/splits.ts';
import { parseCommitUrl } from './hub.ts';
import type { StoredModel, Verdict, VerifyProgress } from './model-messages.ts';
import { filePath } from './remote-folder.ts';
import type { Refetch } from './ranges.ts';
import { parseShardIndex } from './model-folder.ts';
import type { WeightStore } from './store.ts';
import type { Manifest, PartialManifest } from './store-format.ts';

interface StoredFolder {
  files: Map<string, Manifest>;
  partials: PartialManifest[];
}

const folderOf = (url: string): string => url.slice(0, url.lastIndexOf('/') + 1);
const nameOf = (url: string): string => decodeURIComponent(url.slice(url.lastIndexOf('/') + 1));

/** The address of the model that a stored file belongs to: its folder, or its GGUF file, the first part of a split one. */
const homeOf = (url: string): string =>
  isGgufName(nameOf(url)) ? folderOf(url) + filePath(partsOf(nameOf(url))[0]) : folderOf(url);

/** The folder of a commit's files, and the name of a GGUF file in it; null for other addresses. */
function commitOf(home: string): { folder: string; id: string; commit: string; file: string } | null {
  const [, folder, file] = /^(.*\/resolve\/[0-9a-f]{40}\/)(.*)$/.exec(home) ?? [];
  const pinned = folder === undefined ? null : parseCommitUrl(folder);
  return pinned && { folder, file: decodeURIComponent(file), ...pinned };
}

async function foldersOf(store: WeightStore): Promise<Map<string, StoredFolder>> {
  const folders = new Map<string, StoredFolder>();
  const at = (url: string): StoredFolder => {
    const folder = folders.get(homeOf(url)) ?? { files: new Map(), partials: [] };
    folders.set(homeOf(url), folder);
    return folder;
  };
  for (const manifest of await store.list()) at(manifest.url).files.set(nameOf(manifest.url), manifest);
  for (const partial of await store.partials()) at(partial.url).partials.push(partial);
  return folders;
}

/** All models with files in the store, partial ones included, by address. */
export async function listModels(store: WeightStore): Promise<StoredModel[]> {
  const folders = [...(await foldersOf(store))].sort(([a], [b]) => (a < b ? -1 : 1));
  const models = folders.filter(([home, { files, partials }]) => {
    const hasOnlyListing = partials.length === 0 && [...files.keys()].every((name) => name === '');
    return !hasOnlyListing || !folders.some(([other]) => other !== home && other.startsWith(home));
  });
  return Promise.all(
    models.map(async ([folder, { files, partials }]) => {
      const pinned = commitOf(folder);
      const whole = [...files.values()].reduce((sum, { bytes }) => sum + bytes, 0);
      const begun = partials.reduce((sum, { chunks, chunkBytes }) => sum + chunks.length * chunkBytes, 0);
      const isComplete = partials.length === 0 && (await hasAllFiles(store, folder, files));
      const file = pinned === null || pinned.file === '' ? '' : `:${pinned.file}`;
      const reference = pinned === null ? folder : `${pinned.id}@${pinned.commit}${file}`;
      return { folder, reference, bytes: whole + begun, isComplete };
    }),
  );
}

async function hasAllFiles(store: WeightStore, home: string, files: ReadonlyMap<string, Manifest>): Promise<boolean> {
  if (isGgufName(nameOf(home))) return partsOf(nameOf(home)).every((part) => files.has(part));
  const [config, texts, index] = ['config.json', 'tokenizer_config.json', 'model.safetensors.index.json'].map((name) =>
    files.get(name),
  );
  if (config === undefined || texts === undefined) return false;
  const read = async ({ file, bytes }: Manifest): Promise<unknown> =>
    JSON.parse(new TextDecoder().decode(await store.read(file, 0, bytes)));
  try {
    if (!files.has('tokenizer.json') && !hasByteTokens(await read(texts))) return false;
    const weights = index === undefined ? ['model.safetensors'] : parseShardIndex(await read(index)).files;
    return weights.every((name) => files.has(name));
  } catch {
    return false; // a damaged file is downloaded again
  }
}

/**
 * Reads a whole model, compares every chunk with its hash, and fetches damaged ones again.
 *
 * @param store newly opened: one in use may have checked some chunks already.
 * @throws GorpError `weights/corrupt-chunk` when a damaged chunk cannot be fetched now; the file stays as it is.
 */
export async function verifyModel(
  store: WeightStore,
  folder: string,
  refetch: Refetch,
  onProgress: (progress: VerifyProgress) => void,
): Promise<Verdict> {
  const manifests = [...((await foldersOf(store)).get(folder)?.files.values() ?? [])];
  const totalBytes = manifests.reduce((sum, { bytes }) => sum + bytes, 0);
  const mended = new Set<string>();
  const removed: string[] = [];
  let bytes = 0;
  for (const manifest of manifests) {
    const name = nameOf(manifest.url);
    const mend: Refetch = async (of, index) => {
      const chunk = await refetch(of, index);
      if (chunk !== null) mended.add(name);
      return chunk;
    };
    try {
      for (let at = 0; at < manifest.bytes; at += manifest.chunkBytes) {
        // Without a file name it is the hub's stored answer, which cannot be fetched in parts.
        const end = Math.min(manifest.bytes, at + manifest.chunkBytes);
        await store.read(manifest.file, at, end, name === '' ? undefined : mend);
        onProgress({ bytes: bytes + at, totalBytes });
      }
    } catch (thrown) {
      if ((await store.manifest(manifest.file)) !== null) throw thrown;
      mended.delete(name);
      removed.push(name === '' ? LISTING : name);
    }
    bytes += manifest.bytes;
    onProgress({ bytes, totalBytes });
  }
  return { mended: [...mended], removed };
}

const LISTING = 'list of files';

/** Removes everything of a model from the store. */
export async function removeModel(store: WeightStore, folder: string): Promise<void> {
  const { files, partials } = (await foldersOf(store)).get(folder) ?? {
    files: new Map<string, Manifest>(),
    partials: [],
  };
  const all = [...files.values(), ...partials];
  for (const { file } of all) {
    if (!(await store.isBeingWritten(file))) continue;
    throw new GorpError(
      'store/busy',
      `Another tab or process is downloading ${folder}.`,
      'Wait until the download ends, or stop it there; then remove the model.',
    );
  }
  for (const { file } of all) await store.remove(file);
  await removeListing(store, folder);
}

/** Removes the hub's answer after the last GGUF file of a commit: nothing else would. */
async function removeListing(store: WeightStore, home: string): Promise<void> {
  const pinned = commitOf(home);
  if (pinned === null || pinned.file === '') return;
  const rest = [...(await foldersOf(store))].filter(([other]) => other.startsWith(pinned.folder));
  const only = rest.length === 1 ? rest[0] : undefined;
  const listing = only?.[1].files.get('');
  if (listing !== undefined && only?.[1].files.size === 1) await store.remove(listing.file);
}
