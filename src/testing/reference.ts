import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GoldenTensor } from './golden.ts';

const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A folder of reference numbers, laid out as reference/README.md describes. Paths have forward slashes. */
export class ReferenceFolder {
  readonly #root: string;

  /** The last part of the path, for test names. */
  readonly name: string;

  constructor(root: string) {
    this.#root = root;
    this.name = basename(root);
  }

  path(path: string): string {
    return join(this.#root, ...path.split('/'));
  }

  has(path: string): boolean {
    return existsSync(this.path(path));
  }

  /** Sorted names in a folder; empty if the folder is missing. */
  list(folder: string): string[] {
    return this.has(folder) ? readdirSync(this.path(folder)).sort() : [];
  }

  /** Paths, relative to this folder, of all files at any depth in `folder` that end in `ending`. */
  files(folder: string, ending: string): string[] {
    if (!this.has(folder)) return [];
    return readdirSync(this.path(folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith(ending))
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
      .sort();
  }

  /** Reads a JSON file; the caller names its type. */
  json<T>(path: string): T {
    return JSON.parse(readFileSync(this.path(path), 'utf8')) as T;
  }

  /**
   * Reads a whole safetensors file.
   *
   * For tests only: it trusts the file and checks only that dtypes are the two that the reference data uses. It shares
   * no code with `src/weights`, whose reader is compared with it.
   */
  tensors(path: string): Map<string, GoldenTensor> {
    const file = readFileSync(this.path(path));
    const headerBytes = Number(file.readBigUInt64LE(0));
    const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<string, HeaderEntry>;
    const tensors = new Map<string, GoldenTensor>();
    for (const [name, entry] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      const [begin, end] = entry.data_offsets;
      // A copy, because a typed array must start at a multiple of four bytes and the header may end anywhere.
      const bytes = new Uint8Array(file.subarray(8 + headerBytes + begin, 8 + headerBytes + end)).buffer;
      if (entry.dtype !== 'F32' && entry.dtype !== 'I32') {
        throw new Error(`${path}: ${name} is ${entry.dtype}; the reference data has only F32 and I32.`);
      }
      const data = entry.dtype === 'F32' ? new Float32Array(bytes) : new Int32Array(bytes);
      tensors.set(name, { shape: entry.shape, data });
    }
    return tensors;
  }
}

/** The numbers committed with the project. */
export const committedReference = new ReferenceFolder(join(projectRoot, 'reference'));

/**
 * The folders of every reference test: the project's own, and the one in `GORP_SHARED` (relative to the project's root)
 * or, if unset, `../shared` if it has reference numbers.
 */
export const referenceFolders: readonly ReferenceFolder[] = [committedReference, ...furtherFolder()];

function furtherFolder(): ReferenceFolder[] {
  const named = process.env['GORP_SHARED'];
  const folder = new ReferenceFolder(resolve(projectRoot, named ?? '../shared'));
  if (folder.has('golden')) return [folder];
  if (named === undefined || named === '') return [];
  throw new Error(`GORP_SHARED names ${folder.path('')}, which has no folder "golden": see reference/README.md.`);
}

/**
 * The folders that have all these paths. A further folder may be incomplete; the project's own has all, so every test
 * has numbers.
 *
 * @throws Error when the project's own folder lacks a path.
 */
export function referencesWith(...paths: string[]): ReferenceFolder[] {
  const missing = paths.filter((path) => !committedReference.has(path));
  if (missing.length > 0) throw new Error(`The project's reference numbers lack ${missing.join(', ')}.`);
  return referenceFolders.filter((folder) => paths.every((path) => folder.has(path)));
}

/** A small trained LLaMA with its tokenizer and `golden.json`: a folder in `models`. */
export interface TrainedModel {
  /** As test names show it. */
  name: string;
  reference: ReferenceFolder;
  folder: string;
}

/** The trained models of all folders. */
export const trainedModels: readonly TrainedModel[] = referencesWith('models').flatMap((reference) =>
  reference
    .list('models')
    .map((model) => ({ name: `${model} of ${reference.name}`, reference, folder: `models/${model}` })),
);

/** A folder's tokenizer, and how its family marks a prompt. */
export interface TokenizerFolder {
  name: string;
  folder: string;
  form: 'closed' | 'begun';
  /** Whether its tokens are bytes; then there is no tokenizer.json. */
  hasBytes: boolean;
}

/** The tokenizers of a folder. */
export function tokenizersOf(reference: ReferenceFolder): TokenizerFolder[] {
  return reference
    .list('tokenizers')
    .map((name) => ({ name, folder: `tokenizers/${name}` }))
    .filter(({ folder }) => reference.has(`${folder}/tokenizer_config.json`))
    .map(({ name, folder }) => {
      const config = reference.json<{ tokenizer_class: string }>(`${folder}/tokenizer_config.json`);
      const { tokenizer_class: type } = config;
      return { name, folder, form: /^(By)?T5/.test(type) ? 'closed' : 'begun', hasBytes: type === 'ByT5Tokenizer' };
    });
}
