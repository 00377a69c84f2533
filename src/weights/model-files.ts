import { GorpError } from '../base/errors.ts';
import { isTooDeep, MAX_NESTING } from '../base/nesting.ts';
import { sha256Of } from '../base/sha256.ts';
import { type Dtype, floatData } from './dtypes.ts';
import type { BlockType, BlockTypeName } from './gguf/blocks.ts';
import { headerLength, LENGTH_BYTES, parseHeader, type SafetensorsHeader, type TensorInfo } from './safetensors.ts';

/** The parts of a file that hashing needs. */
interface HashedFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of each block of {@link HASHED_BYTES}, if known without reading the file. */
  readonly hashes?: readonly string[];
  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Bytes hashed at once. Equal to the store's chunk size, so the store knows these hashes without reading. */
export const HASHED_BYTES = 4 * 2 ** 20;

/**
 * Identifies the content of a model's weight files: SHA-256 over one line per file, sorted by name, with its length and
 * the SHA-256 of each block of {@link HASHED_BYTES}. The hash does not depend on where the files are; another dtype or
 * sharding changes it. Holds 4 MiB at a time.
 */
export async function contentHash(files: readonly HashedFile[]): Promise<string> {
  const lines: string[] = [];
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    lines.push([file.name, file.bytes, ...(file.hashes ?? (await readHashes(file)))].join(' '));
  }
  return sha256Of(new TextEncoder().encode(lines.join('\n')));
}

async function readHashes(file: HashedFile): Promise<string[]> {
  const hashes: string[] = [];
  for (let at = 0; at < file.bytes; at += HASHED_BYTES) {
    hashes.push(await sha256Of(await file.read(at, Math.min(file.bytes, at + HASHED_BYTES))));
  }
  return hashes;
}

/** A file that can be read in parts, wherever it is. */
export interface ByteFile {
  /** Plain name, such as `config.json`. */
  name: string;
  bytes: number;
  /** SHA-256 of each block of `HASHED_BYTES`, if known without reading the file. */
  hashes?: readonly string[];
  /** Bytes `begin` to `end` (exclusive), in memory of their own. */
  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Called when the content is unusable: drops a cached copy, so that the next start downloads it again. */
  discard(): Promise<void>;
}

/** A file of the browser, or bytes in memory, to read in parts. */
export const byteFile = (name: string, blob: Blob): ByteFile => ({
  name,
  bytes: blob.size,
  read: async (begin, end) => new Uint8Array(await blob.slice(begin, end).arrayBuffer()),
  discard: () => Promise.resolve(),
});

/** A tensor as stored: its bytes are little-endian, row-major. */
export interface RawTensor {
  dtype: Dtype;
  shape: readonly number[];
  bytes: Uint8Array<ArrayBuffer>;
}

/** A tensor in the blocks of a GGUF file: row-major, its rows in the order that the hub's models have. */
export interface BlockTensor {
  readonly type: BlockType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A tensor's type, shape and place in a model. */
interface ModelTensor extends TensorInfo {
  /** The file that holds it; `begin` and `end` are offsets in that file's data. */
  readonly file: string;
  /** The type of its blocks, if it is stored quantised. `dtype` is then the type that {@link ModelTensors.readRaw} gives. */
  readonly blocks?: BlockTypeName | undefined;
}

/** The tensors of a model in one or several files. */
export interface ModelTensors {
  /** By Hugging Face name. */
  tensors: Map<string, ModelTensor>;
  /** One tensor as float32. @throws GorpError `weights/no-tensor`, `weights/unsupported-dtype`, and what the file throws. */
  readTensor(name: string): Promise<Float32Array>;
  /** One tensor as stored. @throws GorpError `weights/no-tensor`, and what the file throws. */
  readRaw(name: string): Promise<RawTensor>;
  /** A tensor that has {@link ModelTensor.blocks}, as stored. Only for models that have such tensors. */
  readBlocks?(name: string): Promise<BlockTensor>;
  /** Identifies the content of the files: see {@link contentHash}. Reads picked files and files on disk. */
  contentHash(): Promise<string>;
}

/** Reads a small JSON file. @throws GorpError `weights/invalid-json`; the file is discarded then. */
export async function readJson(file: ByteFile): Promise<unknown> {
  const bytes = await file.read(0, file.bytes);
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isTooDeep(json)) throw new SyntaxError(`it is nested more than ${MAX_NESTING} deep`);
    return json;
  } catch (cause) {
    await file.discard();
    throw new GorpError(
      'weights/invalid-json',
      `${file.name} is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Start again to download it again; if the error persists, the file is damaged at its source.',
      { cause },
    );
  }
}

/** Reads and checks a safetensors header. @throws GorpError as {@link parseHeader}; the file is discarded then. */
async function readHeader(file: ByteFile): Promise<SafetensorsHeader> {
  const start = await file.read(0, Math.min(LENGTH_BYTES, file.bytes));
  try {
    const dataStart = LENGTH_BYTES + headerLength(start, file.bytes);
    return parseHeader(await file.read(0, dataStart), file.bytes);
  } catch (cause) {
    if (!(cause instanceof GorpError)) throw cause;
    await file.discard();
    throw new GorpError(cause.code, `${file.name}: ${cause.message}`, cause.nextStep, { cause });
  }
}

/**
 * Opens the tensors of a model in one or several safetensors files.
 *
 * @throws GorpError as {@link parseHeader}, and `weights/duplicate-tensor` when two files hold the same name; the
 * files are discarded then.
 */
export async function openTensors(files: readonly ByteFile[]): Promise<ModelTensors> {
  const tensors: ModelTensors['tensors'] = new Map();
  const places = new Map<string, { file: ByteFile; begin: number; end: number }>();
  for (const file of files) {
    const header = await readHeader(file);
    for (const [name, info] of header.tensors) {
      const other = tensors.get(name);
      if (other !== undefined) {
        await Promise.all(files.map((file) => file.discard()));
        throw new GorpError(
          'weights/duplicate-tensor',
          `Tensor ${name} is both in ${other.file} and in ${file.name}.`,
          'Save the model again: its shards do not fit together.',
        );
      }
      tensors.set(name, { ...info, file: file.name });
      places.set(name, { file, begin: header.dataStart + info.begin, end: header.dataStart + info.end });
    }
  }

  const readRaw = async (name: string): Promise<RawTensor> => {
    const info = tensors.get(name);
    const place = places.get(name);
    if (info === undefined || place === undefined) {
      throw new GorpError(
        'weights/no-tensor',
        `The weights have no tensor ${name}.`,
        'Use weights that fit the model named in config.json.',
      );
    }
    return { dtype: info.dtype, shape: info.shape, bytes: await place.file.read(place.begin, place.end) };
  };
  const readTensor = async (name: string): Promise<Float32Array> => {
    const { dtype, bytes } = await readRaw(name);
    return floatData(name, dtype, bytes);
  };
  let hash: Promise<string> | undefined;
  return { tensors, readRaw, readTensor, contentHash: () => (hash ??= contentHash(files)) };
}
