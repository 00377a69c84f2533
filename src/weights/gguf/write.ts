/**
 * Writes GGUF files, version 3 (github.com/ggml-org/ggml, docs/gguf.md): magic, version, counts, metadata and tensor
 * infos; then the tensors' bytes, each at a multiple of the alignment. Tensors are read one at a time.
 */
import type { ByteFile } from '../model-files.ts';
import type { BlockType } from './blocks.ts';
import { ARRAYS, type GgufValue, type NumberType, padded, VALUE_TYPES } from './values.ts';

/** A tensor to write. */
export interface GgufSource {
  readonly name: string;
  readonly type: BlockType;
  /** Row-major; rows are whole blocks. */
  readonly shape: readonly number[];
  /** Its blocks, row by row. */
  read(): Promise<Uint8Array>;
}

const MAGIC = 0x46554747; // "GGUF", little-endian
const VERSION = 3;
const ALIGNMENT = 32;

/**
 * The bytes of a file, piece by piece.
 *
 * @param metadata `general.alignment`, if it has one, is where tensors begin.
 * @throws what reading a tensor throws.
 */
export async function* ggufBytes(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufSource[],
): AsyncGenerator<Uint8Array> {
  const { header, begins } = layOut(metadata, tensors);
  yield* header.pieces();
  let at = header.length;
  for (const [i, tensor] of tensors.entries()) {
    if (begins[i] > at) yield new Uint8Array(begins[i] - at);
    const bytes = await contentOf(tensor);
    yield bytes;
    at = begins[i] + bytes.length;
  }
}

/**
 * A GGUF file to read in parts, as if it were written: a tensor is made whenever a part of it is read, and the last one
 * stays in memory.
 */
export function readableGguf(
  name: string,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufSource[],
): ByteFile {
  const { header, begins, end: bytes } = layOut(metadata, tensors);
  const head = new Uint8Array(header.length);
  let at = 0;
  for (const piece of header.pieces()) {
    head.set(piece, at);
    at += piece.length;
  }
  let last: { readonly tensor: GgufSource; readonly content: Uint8Array } | undefined;
  const read = async (begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
    const out = new Uint8Array(Math.min(end, bytes) - begin);
    const put = (content: Uint8Array, from: number): void => {
      const [first, after] = [Math.max(begin, from), Math.min(begin + out.length, from + content.length)];
      if (first < after) out.set(content.subarray(first - from, after - from), first - begin);
    };
    put(head, 0);
    for (const [i, tensor] of tensors.entries()) {
      if (begins[i] >= begin + out.length || begins[i] + bytesOf(tensor) <= begin) continue;
      if (last?.tensor !== tensor) last = { tensor, content: await contentOf(tensor) };
      put(last.content, begins[i]);
    }
    return out;
  };
  return { name, bytes, read, discard: () => Promise.resolve() };
}

/** The header, where each tensor begins in the file, and where the last one ends. */
function layOut(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufSource[],
): { header: HeaderWriter; begins: number[]; end: number } {
  const stated = metadata.get('general.alignment');
  const alignment = stated !== undefined && 'value' in stated ? Number(stated.value) : ALIGNMENT;
  const header = new HeaderWriter();
  header.number('uint32', MAGIC);
  header.number('uint32', VERSION);
  header.number('uint64', tensors.length);
  header.number('uint64', metadata.size);
  for (const [key, value] of metadata) {
    header.string(key);
    header.value(value);
  }
  let end = 0;
  const begins = tensors.map((tensor) => {
    const { name, type, shape } = tensor;
    const begin = padded(end, alignment);
    header.string(name);
    header.number('uint32', shape.length);
    for (const size of shape.toReversed()) header.number('uint64', size);
    header.number('uint32', type.id);
    header.number('uint64', begin);
    end = begin + bytesOf(tensor);
    return begin;
  });
  header.pad(padded(header.length, alignment));
  return { header, begins: begins.map((begin) => header.length + begin), end: header.length + end };
}

async function contentOf(tensor: GgufSource): Promise<Uint8Array> {
  const bytes = await tensor.read();
  if (bytes.length === bytesOf(tensor)) return bytes;
  throw new Error(`${tensor.name} has ${bytes.length} bytes, not ${bytesOf(tensor)}`);
}

const bytesOf = ({ type: { length, bytes }, shape }: GgufSource): number =>
  (shape.reduce((product, size) => product * size, 1) / length) * bytes;

/** Bytes of the pieces of a header: a vocabulary takes many. */
const PIECE = 2 ** 16;

/** Little-endian numbers and strings, collected in pieces. */
class HeaderWriter {
  readonly #full: Uint8Array[] = [];
  #piece = new Uint8Array(PIECE);
  #used = 0;
  #before = 0;
  readonly #encoder = new TextEncoder();

  get length(): number {
    return this.#before + this.#used;
  }

  number(type: NumberType, value: number | bigint): void {
    const { buffer } =
      type === 'uint64' || type === 'int64' ? ARRAYS[type].of(BigInt(value)) : ARRAYS[type].of(Number(value));
    this.#put(new Uint8Array(buffer));
  }

  string(text: string): void {
    const bytes = this.#encoder.encode(text);
    this.number('uint64', bytes.length);
    this.#put(bytes);
  }

  value(value: GgufValue): void {
    this.number('uint32', VALUE_TYPES.indexOf(value.type));
    if (value.type === 'string') this.string(value.value);
    else if (value.type === 'bool') this.number('uint8', value.value ? 1 : 0);
    else if (value.type !== 'array') this.number(value.type, value.value);
    else {
      this.number('uint32', VALUE_TYPES.indexOf(value.of));
      this.number('uint64', value.items.length);
      if (value.of === 'string') for (const item of value.items) this.string(item);
      else if (value.of === 'bool') for (const item of value.items) this.number('uint8', item ? 1 : 0);
      else for (let i = 0; i < value.items.length; i++) this.number(value.of, value.items[i]);
    }
  }

  /** Zeros up to a length. */
  pad(length: number): void {
    this.#put(new Uint8Array(length - this.length));
  }

  *pieces(): Generator<Uint8Array> {
    this.#finish();
    yield* this.#full;
  }

  #put(bytes: Uint8Array): void {
    if (this.#used + bytes.length > PIECE) this.#finish();
    if (bytes.length > PIECE) {
      this.#full.push(bytes);
      this.#before += bytes.length;
      return;
    }
    this.#piece.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  #finish(): void {
    this.#full.push(this.#piece.subarray(0, this.#used));
    this.#before += this.#used;
    this.#piece = new Uint8Array(PIECE);
    this.#used = 0;
  }
}
