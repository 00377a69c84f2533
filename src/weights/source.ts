import { GorpError } from '../base/errors.ts';
import { type DownloadOptions, fetchToStore } from './download.ts';
import { type ByteFile, type ModelTensors, openTensors, readJson } from './model-files.ts';
import { checkShards, parseShardIndex } from './shards.ts';
import type { Manifest, WeightStore } from './store.ts';

const MIB = 2 ** 20;
/** Longest JSON files that are accepted, in bytes; those of the largest published models are several times smaller. */
const MAX_CONFIG_BYTES = 4 * MIB;
const MAX_TOKENIZER_BYTES = 128 * MIB;
const MAX_INDEX_BYTES = 64 * MIB;

/** How far the files of a model have come, counted over all of them. */
export interface ModelProgress {
  /** The file that is worked on. */
  file: string;
  bytes: number;
  /** Null until the weights' length is known. Of sharded weights it is close, and exact from the last shard on. */
  totalBytes: number | null;
  source: 'network' | 'cache';
}

export interface OpenModelOptions {
  fetch?: DownloadOptions['fetch'];
  signal?: AbortSignal | undefined;
  /** Called for every piece that the network gives, and once for every cached file. */
  onProgress?: ((progress: ModelProgress) => void) | undefined;
  /**
   * Names the content behind the URL, a checksum for instance. Copies of another version are not used, and are removed.
   * Without it a cached copy is good for ever.
   */
  version?: string | undefined;
}

/** The files of a model, read from the store. */
export interface ModelFiles extends ModelTensors {
  /** The JSON files' content, unchecked. */
  config: unknown;
  tokenizer: unknown;
  tokenizerConfig: unknown;
  /** Null when the folder has no `generation_config.json`. */
  generationConfig: unknown;
  /** Whether every file was in the store already. */
  fromCache: boolean;
  /** Called when the files turn out not to be a model that can be used: the next start fetches them anew. */
  discard(): Promise<void>;
}

/**
 * Opens a model in a folder of Hugging Face files: `config.json`, `tokenizer.json`, `tokenizer_config.json`,
 * `generation_config.json` (where there is one) and `model.safetensors`, or the shards that
 * `model.safetensors.index.json` names. What the store lacks is downloaded into it first; what it has is used as it is,
 * without a request.
 *
 * @param folderUrl absolute URL of the folder.
 * @throws GorpError as {@link fetchToStore} and {@link openTensors}; `weights/bad-url`, `weights/invalid-json`,
 * `weights/invalid-index`. A file that turns out unusable is removed from the store.
 */
export async function openModel(
  folderUrl: string,
  store: WeightStore,
  options: OpenModelOptions = {},
): Promise<ModelFiles> {
  const folder = new CachedFolder(folderUrl, store, options);
  await folder.removeOtherVersions();
  // The small files first, and each checked at once: a wrong address should not cost a long download.
  const config = await readJson(await folder.file('config.json', MAX_CONFIG_BYTES));
  const tokenizer = await readJson(await folder.file('tokenizer.json', MAX_TOKENIZER_BYTES));
  const tokenizerConfig = await readJson(await folder.file('tokenizer_config.json', MAX_CONFIG_BYTES));
  const generationFile = await folder.optionalFile('generation_config.json', MAX_CONFIG_BYTES);
  const generationConfig = generationFile === null ? null : await readJson(generationFile);
  const weights = await openWeights(folder);
  const discard = (): Promise<void> => folder.discard();
  return { config, tokenizer, tokenizerConfig, generationConfig, ...weights, fromCache: folder.fromCache, discard };
}

async function openWeights(folder: CachedFolder): Promise<ModelTensors> {
  const single = 'model.safetensors';
  const indexName = `${single}.index.json`;
  if (!(await folder.has(indexName))) {
    try {
      folder.bytesAhead = () => 0;
      return await openTensors([await folder.file(single)]);
    } catch (thrown) {
      if (!isAbsence(thrown)) throw thrown;
    }
  }
  folder.bytesAhead = () => null;
  const indexFile = await folder.file(indexName, MAX_INDEX_BYTES).catch((thrown: unknown) => {
    if (!isAbsence(thrown)) throw thrown;
    throw new GorpError(
      thrown.code,
      `The folder has neither ${single} nor ${indexName}. ${thrown.message}`,
      `${thrown.nextStep} Weights in other formats (pytorch_model.bin, GGUF) must be saved as safetensors first.`,
      { cause: thrown },
    );
  });
  const indexJson = await readJson(indexFile);
  const index = await checked([indexFile], () => parseShardIndex(indexJson));
  const files: ByteFile[] = [];
  let shardBytes = 0;
  for (const [i, name] of index.files.entries()) {
    const isLast = i === index.files.length - 1;
    const { tensorBytes } = index;
    const bytesBefore = shardBytes;
    folder.bytesAhead = (bytes) =>
      isLast ? 0 : tensorBytes === null ? null : Math.max(0, tensorBytes - bytesBefore - bytes);
    const file = await folder.file(name);
    shardBytes += file.bytes;
    files.push(file);
  }
  const tensors = await openTensors(files);
  await checked([indexFile, ...files], () => checkShards(index, tensors));
  return tensors;
}

/** What `check` returns; when it throws, the files that it found at fault are discarded first. */
async function checked<T>(files: readonly ByteFile[], check: () => T): Promise<T> {
  try {
    return check();
  } catch (thrown) {
    await Promise.all(files.map((file) => file.discard()));
    throw thrown;
  }
}

/** Whether a download failed because there is no such file. Some servers answer with their start page then. */
function isAbsence(thrown: unknown): thrown is GorpError {
  return thrown instanceof GorpError && (thrown.code === 'weights/not-found' || thrown.code === 'weights/html');
}

/** A folder on a server, seen through the store. */
class CachedFolder {
  readonly #base: string;
  readonly #version: string;
  readonly #store: WeightStore;
  readonly #options: OpenModelOptions;
  #finishedBytes = 0;

  /** False once anything was asked of the network. */
  fromCache = true;

  /** Bytes of the files that will follow the one under way, from that one's length; null while not known. */
  bytesAhead: (bytes: number) => number | null = () => null;

  constructor(folderUrl: string, store: WeightStore, options: OpenModelOptions) {
    if (!URL.canParse(folderUrl)) {
      throw new GorpError(
        'weights/bad-url',
        `${JSON.stringify(folderUrl)} is not the address of a folder.`,
        'Give the whole address, beginning with https://.',
      );
    }
    const url = new URL(folderUrl);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    this.#base = new URL('.', url).href;
    this.#store = store;
    this.#version = options.version ?? '';
    this.#options = options;
  }

  /** A copy's name in the store. A URL without version is a name too, and the mark between them is in no such URL. */
  #nameOf(url: string): string {
    return this.#version === '' ? url : `${url}#${this.#version}`;
  }

  #manifest(name: string): Promise<Manifest | null> {
    return this.#store.manifest(this.#nameOf(this.#base + name));
  }

  async has(name: string): Promise<boolean> {
    return (await this.#manifest(name)) !== null;
  }

  /** They can never be read again, and would take the room that this version needs. */
  async removeOtherVersions(): Promise<void> {
    for (const { url, file } of await this.#stored()) if (file !== this.#nameOf(url)) await this.#store.remove(file);
  }

  /** Removes what the store has of the folder. */
  async discard(): Promise<void> {
    for (const { file } of await this.#stored()) await this.#store.remove(file);
  }

  /** Copies of files that lie in the folder itself, of every version. */
  async #stored(): Promise<Manifest[]> {
    const all = await this.#store.list();
    return all.filter(({ url }) => url.startsWith(this.#base) && !url.slice(this.#base.length).includes('/'));
  }

  /** A file of the folder, downloaded if the store lacks it. */
  async file(name: string, maxBytes?: number): Promise<ByteFile> {
    const stored = await this.#manifest(name);
    const { bytes } = stored ?? (await this.#download(name, maxBytes));
    if (stored !== null) this.#report(name, bytes, bytes, 'cache');
    this.#finishedBytes += bytes;
    const copy = this.#nameOf(this.#base + name);
    return {
      name,
      bytes,
      read: (begin, end) => this.#store.read(copy, begin, end),
      discard: () => this.#store.remove(copy),
    };
  }

  /** A file that the folder may lack: null then. An empty copy stands for that, so that the next start need not ask. */
  async optionalFile(name: string, maxBytes: number): Promise<ByteFile | null> {
    try {
      const file = await this.file(name, maxBytes);
      return file.bytes === 0 ? null : file;
    } catch (thrown) {
      if (!isAbsence(thrown)) throw thrown;
      const url = this.#base + name;
      await this.#store.write(this.#nameOf(url), { url, etag: null, bytes: 0 }, nothing());
      return null;
    }
  }

  #download(name: string, maxBytes: number | undefined): Promise<Manifest> {
    this.fromCache = false;
    const url = this.#base + name;
    const onProgress = (bytes: number, total: number | null): void => this.#report(name, bytes, total, 'network');
    const { fetch, signal } = this.#options;
    return fetchToStore(url, this.#store, { fetch, signal, onProgress, file: this.#nameOf(url), maxBytes });
  }

  #report(file: string, bytes: number, total: number | null, source: ModelProgress['source']): void {
    const ahead = total === null ? null : this.bytesAhead(total);
    this.#options.onProgress?.({
      file,
      bytes: this.#finishedBytes + bytes,
      totalBytes: total === null || ahead === null ? null : this.#finishedBytes + total + ahead,
      source,
    });
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- the store takes what a download gives: async pieces.
async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}
