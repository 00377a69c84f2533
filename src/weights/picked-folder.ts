import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/format-bytes.ts';
import { noSafetensors } from './hub.ts';
import type { ByteFile } from './model-files.ts';
import { missingFile, type ModelFolder } from './model-folder.ts';

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
 * forms of the model in subfolders.
 */
export function modelFilesOf(files: readonly PickedFile[]): PickedFile[] {
  const configs = files.map(({ path }) => path).filter((path) => nameOf(path) === 'config.json');
  if (configs.length === 0) return [...files];
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
        `The files of ${name} are no longer available.`,
        'Choose the folder or its files again: a page loses access to them when it reloads.',
      );
    }
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

  optionalFile(name: string): Promise<ByteFile | null> {
    return this.#find(name);
  }

  has(name: string): Promise<boolean> {
    return Promise.resolve(this.#blobs.has(name));
  }

  expectWeights(): Promise<void> {
    const names = [...this.#blobs.keys()];
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
