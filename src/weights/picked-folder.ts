import { GorpError } from '../base/errors.ts';
import { ggufChoices, isGgufName } from './gguf/splits.ts';
import { noSafetensors } from './hub.ts';
import { type ByteFile, byteFile } from './model-files.ts';
import { LocalFolder } from './model-folder.ts';

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
export class PickedFolder extends LocalFolder {
  readonly #names: readonly string[];

  /** @param name shown to the user. */
  constructor(name: string, files: readonly PickedFile[]) {
    const blobs = new Map(modelFilesOf(files).map(({ path, blob }) => [nameOf(path), blob]));
    const names = [...blobs.keys()];
    const find = (file: string): Promise<ByteFile | null> => {
      const blob = blobs.get(file);
      return Promise.resolve(blob === undefined ? null : pickedFile(file, blob));
    };
    super(name, find, (weights) => {
      if (weights.every((file) => blobs.has(file))) return;
      if (names.some((file) => file.endsWith('.safetensors') || file.endsWith('.safetensors.index.json'))) return;
      throw noSafetensors(
        name,
        names.filter((file) => /\.(?:bin|h5|msgpack|gguf|pt)$/.test(file)),
      );
    });
    this.#names = names;
    if (blobs.size === 0) {
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
    const names = this.#names;
    if (names.includes('config.json')) return null;
    const choices = ggufChoices(names);
    if (choices.length < 2) return choices.at(0)?.file ?? names.find(isGgufName) ?? null;
    throw new GorpError(
      'weights/choose-gguf',
      `${this.name} has several GGUF models: ${choices.map(({ file }) => file).join(', ')}.`,
      'Choose one file, or the parts of one model.',
    );
  }
}

/** A file of the user's disk, which may change or vanish after it was chosen. */
const pickedFile = (name: string, blob: Blob): ByteFile => ({
  ...byteFile(name, blob),
  read: async (begin, end) => {
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
  },
});
