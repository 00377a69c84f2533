import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { ggufChoices, isGgufName } from './gguf/splits.ts';
import { noSafetensors } from './hub.ts';
import type { ByteFile } from './model-files.ts';
import { missingFile, type ModelFolder, type PeekedFile } from './model-folder.ts';

/** A file that the user picked or dropped. It stays on disk and is read in parts. */
export interface PickedFile {
  /** Path relative to what was picked, such as `t5-small/config.json`, or the plain name. */
  path: string;
  blob: Blob;
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const depthOf = (path: string): number => path.split('/').length;

/**
 * The files next to the topmost `config.json`: the user may pick a parent folder, and a model folder may contain other
 * forms of the model in subfolders. Without one, the GGUF files, if there are any.
 */
export function modelFilesOf(files: readonly PickedFile[]): PickedFile[] {
  const configs = files.map(({ path }) => path).filter((path) => nameOf(path) === 'config.json');
  if (configs.length === 0) {
    const ggufs = files.filter(({ path }) => isGgufName(path));
    return ggufs.length > 0 ? ggufs : [...files];
  }
  const top = configs.reduce((best, path) => (depthOf(path) < depthOf(best) ? path : best));
  const folder = top.slice(0, top.length - 'config.json'.length);
  return files.filter(({ path }) => path.startsWith(folder) && depthOf(path) === depthOf(top));
}

/** A folder or files on the user's disk. They are never changed, nor copied to the store. */
export class PickedFolder implements ModelFolder {
  readonly commit = null;
  readonly fromCache = true;
  readonly #blobs: ReadonlyMap<string, Blob>;

  /** @param name shown to the user. */
  constructor(
    readonly name: string,
    files: readonly PickedFile[],
  ) {
    this.#blobs = new Map(modelFilesOf(files).map(({ path, blob }) => [nameOf(path), blob]));
    if (this.#blobs.size === 0) {
      throw new GorpError(
        'weights/nothing-picked',
        `The files of ${name} are not at hand.`,
        `Choose the files of ${name}: a page loses them when it reloads, and a model that somebody shared comes without its base.`,
      );
    }
  }

  /**
   * The GGUF file to open; null if the files are those of a model folder, or something else.
   *
   * @throws GorpError `weights/choose-gguf` if there are several models.
   */
  gguf(): string | null {
    const names = [...this.#blobs.keys()];
    if (names.includes('config.json')) return null;
    const choices = ggufChoices(names);
    if (choices.length < 2) return choices.at(0)?.file ?? names.find(isGgufName) ?? null;
    throw new GorpError(
      'weights/choose-gguf',
      `${this.name} has several GGUF models: ${choices.map(({ file }) => file).join(', ')}.`,
      'Choose one file, or the parts of one model.',
    );
  }

  async file(name: string, maxBytes = Infinity): Promise<ByteFile> {
    const file = await this.#find(name);
    if (file === null) throw missingFile(this.name, name);
    if (file.bytes > maxBytes) {
      throw new GorpError(
        'weights/too-large',
        `${name} takes ${formatBytes(file.bytes)}; the limit for this file is ${formatBytes(maxBytes)}.`,
        'Choose a model folder with Hugging Face files.',
      );
    }
    return file;
  }

  async peek(name: string): Promise<PeekedFile> {
    return { ...(await this.file(name)), isWhole: true };
  }

  optionalFile(name: string): Promise<ByteFile | null> {
    return this.#find(name);
  }

  has(name: string): Promise<boolean> {
    return Promise.resolve(this.#blobs.has(name));
  }

  expectWeights(weights: readonly string[]): Promise<void> {
    const names = [...this.#blobs.keys()];
    if (weights.every((name) => this.#blobs.has(name))) return Promise.resolve();
    if (names.some((name) => name.endsWith('.safetensors') || name.endsWith('.safetensors.index.json'))) {
      return Promise.resolve();
    }
    return Promise.reject(
      noSafetensors(
        this.name,
        names.filter((name) => /\.(?:bin|h5|msgpack|gguf|pt)$/.test(name)),
      ),
    );
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }

  #find(name: string): Promise<ByteFile | null> {
    const blob = this.#blobs.get(name);
    if (blob === undefined) return Promise.resolve(null);
    const read = async (begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
      try {
        return new Uint8Array(await blob.slice(begin, end).arrayBuffer());
      } catch (cause) {
        throw new GorpError(
          'weights/file-changed',
          `${name} can no longer be read: it was changed, moved or removed after you chose it.`,
          'Choose the folder or its files again.',
          { cause },
        );
      }
    };
    return Promise.resolve({ name, bytes: blob.size, read, discard: () => Promise.resolve() });
  }
}
