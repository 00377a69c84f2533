/**
 * The safetensors format: 8 bytes little-endian N, N bytes of JSON header, then the tensors' bytes without gaps. Rules:
 * huggingface/safetensors, README and `Metadata::validate` in src/tensor.rs. All are enforced, because a file that
 * breaks one is damaged or malicious: gaps hide other content, overlaps make a small file expand.
 */
import { GorpError, REPORT_BUG } from '../base/errors.ts';
import { DTYPE_BITS, type Dtype, isDtype, tensorBytes, tensorData, type TensorData } from './dtypes.ts';
import { parseStrictJson, type StrictJson, type StrictJsonObject } from './strict-json.ts';

/** Size of the length field at the start of a file. */
export const LENGTH_BYTES = 8;
/** The format's own limit for N. */
const MAX_HEADER_BYTES = 100_000_000;
// Far above any real model, far below what exhausts memory.
const MAX_TENSORS = 100_000;
const MAX_RANK = 32;
const METADATA_KEY = '__metadata__';

/** A tensor's type, shape and place in a safetensors file. */
export interface TensorInfo {
  name: string;
  dtype: Dtype;
  /** Row-major; empty for a scalar. */
  shape: readonly number[];
  /** First byte, counted from the end of the header ({@link SafetensorsHeader.dataStart}). */
  begin: number;
  /** First byte after it, counted in the same way. */
  end: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  /** By name, in file order. */
  tensors: Map<string, TensorInfo>;
  metadata: Map<string, string>;
  /** Bytes before the first tensor: 8 + N. */
  dataStart: number;
}

type Problem =
  | 'header-too-small'
  | 'header-too-large'
  | 'invalid-header-length'
  | 'invalid-header'
  | 'invalid-tensor'
  | 'incomplete-file';

function refuse(problem: Problem, message: string, cause?: unknown): never {
  throw new GorpError(
    `weights/${problem}`,
    message,
    'Download the file again. If that does not help, save the model again as safetensors.',
    { cause },
  );
}

/**
 * N, the bytes of the JSON header, checked against the file (rule 1).
 *
 * @param start at least the first 8 bytes of the file, or all of a shorter one.
 * @param fileSize bytes of the whole file.
 * @throws GorpError `weights/header-too-small`, `weights/header-too-large`, `weights/invalid-header-length`.
 */
export function headerLength(start: Uint8Array, fileSize: number): number {
  if (start.length < LENGTH_BYTES || fileSize < LENGTH_BYTES) {
    refuse(
      'header-too-small',
      `The file has ${Math.min(start.length, fileSize)} bytes, too few for a safetensors header.`,
    );
  }
  const length = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    refuse(
      'header-too-large',
      `The file claims a header of ${length} bytes; ${MAX_HEADER_BYTES} are allowed. It is not a safetensors file.`,
    );
  }
  if (LENGTH_BYTES + Number(length) > fileSize) {
    refuse('invalid-header-length', `The file claims a header of ${length} bytes but has only ${fileSize} bytes.`);
  }
  return Number(length);
}

/**
 * Reads and checks a header.
 *
 * @param bytes the first 8 + N bytes of the file, or more.
 * @param fileSize bytes of the whole file.
 * @throws GorpError `weights/…`, one code per kind of fault; nothing else is thrown, whatever the bytes are.
 */
export function parseHeader(bytes: Uint8Array, fileSize: number): SafetensorsHeader {
  const length = headerLength(bytes, fileSize);
  const dataStart = LENGTH_BYTES + length;
  if (bytes.length < dataStart) {
    refuse(
      'invalid-header-length',
      `The header has ${length} bytes, but only ${bytes.length - LENGTH_BYTES} of them were read.`,
    );
  }
  const header = parseHeaderJson(bytes.subarray(LENGTH_BYTES, dataStart));
  const metadata = readMetadata(header.get(METADATA_KEY));
  header.delete(METADATA_KEY);
  if (header.size > MAX_TENSORS)
    refuse('invalid-header', `The header lists ${header.size} tensors; ${MAX_TENSORS} are allowed.`);

  const infos = [...header].map(([name, entry]) => readTensorInfo(name, entry));
  infos.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const end = checkLayout(infos);
  if (dataStart + end !== fileSize) {
    refuse('incomplete-file', `By its header the file should have ${dataStart + end} bytes, but it has ${fileSize}.`);
  }
  return { tensors: new Map(infos.map((info) => [info.name, info])), metadata, dataStart };
}

function parseHeaderJson(json: Uint8Array): StrictJsonObject {
  let text: string;
  try {
    // ignoreBOM leaves a byte order mark in the text, so the check for '{' catches it.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    refuse('invalid-header', 'The header is not UTF-8 text.', cause);
  }
  if (!text.startsWith('{')) refuse('invalid-header', 'The header does not begin with {.');
  let header: StrictJson;
  try {
    header = parseStrictJson(text);
  } catch (cause) {
    refuse(
      'invalid-header',
      `The header is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
      cause,
    );
  }
  return header as StrictJsonObject; // A JSON value that begins with { is an object.
}

function readMetadata(entry: StrictJson | undefined): Map<string, string> {
  const metadata = new Map<string, string>();
  if (entry === undefined) return metadata;
  if (!(entry instanceof Map)) refuse('invalid-header', `${METADATA_KEY} is not an object.`);
  for (const [key, value] of entry) {
    if (typeof value !== 'string')
      refuse('invalid-header', `${METADATA_KEY}: the value of ${JSON.stringify(key)} is not a string.`);
    metadata.set(key, value);
  }
  return metadata;
}

/** A header entry as a {@link TensorInfo}; further fields are ignored, as in the reference implementation. */
function readTensorInfo(name: string, entry: StrictJson): TensorInfo {
  const quoted = JSON.stringify(name);
  if (!(entry instanceof Map)) refuse('invalid-header', `The entry of ${quoted} is not an object.`);
  const dtype = entry.get('dtype');
  if (!isDtype(dtype)) refuse('invalid-tensor', `Tensor ${quoted} has an unknown dtype.`);
  const shape = readSizes(entry.get('shape'));
  if (shape === null || shape.length > MAX_RANK) {
    refuse('invalid-tensor', `The shape of tensor ${quoted} is not a list of at most ${MAX_RANK} sizes.`);
  }
  const offsets = readSizes(entry.get('data_offsets'));
  if (offsets?.length !== 2) refuse('invalid-tensor', `The data_offsets of tensor ${quoted} are not two offsets.`);
  return { name, dtype, shape, begin: offsets[0], end: offsets[1] };
}

/** The list if it holds only integers from 0 to 2⁵³ − 1; else null. */
function readSizes(list: StrictJson | undefined): number[] | null {
  if (!Array.isArray(list)) return null;
  const isSize = (item: StrictJson): item is bigint =>
    typeof item === 'bigint' && item >= 0n && item <= BigInt(Number.MAX_SAFE_INTEGER);
  return list.every(isSize) ? list.map(Number) : null;
}

/** Rules 5 and 6: tensors sorted by offset follow each other without gap or overlap, each as long as its shape says. */
function checkLayout(infos: readonly TensorInfo[]): number {
  let position = 0;
  for (const { name, dtype, shape, begin, end } of infos) {
    const quoted = JSON.stringify(name);
    if (begin !== position || end < begin) {
      refuse(
        'invalid-tensor',
        `Tensor ${quoted} is at bytes ${begin} to ${end}, but must begin at ${position}, where the previous one ends.`,
      );
    }
    const bytes = tensorBytes(dtype, shape);
    if (bytes === null)
      refuse('invalid-tensor', `Tensor ${quoted}, ${dtype} [${shape.join(', ')}], has no countable number of bytes.`);
    if (end - begin !== bytes) {
      refuse(
        'invalid-tensor',
        `Tensor ${quoted}, ${dtype} [${shape.join(', ')}], needs ${bytes} bytes but is given ${end - begin}.`,
      );
    }
    position = end;
  }
  return position;
}

/** A tensor in memory. */
export type LoadedTensor = TensorData & { shape: readonly number[] };

/**
 * Reads a whole file that fits in memory: an adapter, a test's reference data. The tensors are copies; F16 and BF16
 * become float32.
 *
 * @throws GorpError as {@link parseHeader}.
 */
export function readSafetensors(bytes: Uint8Array): Map<string, LoadedTensor> {
  const { tensors, dataStart } = parseHeader(bytes, bytes.length);
  const loaded = new Map<string, LoadedTensor>();
  for (const { name, dtype, shape, begin, end } of tensors.values()) {
    const own = new Uint8Array(end - begin);
    own.set(bytes.subarray(dataStart + begin, dataStart + end));
    loaded.set(name, { ...tensorData(dtype, own), shape });
  }
  return loaded;
}

/** A tensor to be written, whose data is read when its turn comes. */
export interface TensorSource {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  /** The elements, row-major and little-endian, exactly as many bytes as dtype and shape need. */
  read(): ArrayBufferView | Promise<ArrayBufferView>;
}

/**
 * Writes a file piece by piece: the header, then one tensor at a time, in the reference implementation's order (larger
 * alignment first, then by name), so that every tensor lies at a multiple of its element size.
 *
 * @throws GorpError `internal/tensor-size` when a source returns more or fewer bytes than its shape needs.
 */
export async function* writeSafetensors(
  sources: Iterable<TensorSource>,
  metadata: ReadonlyMap<string, string> = new Map(),
): AsyncGenerator<Uint8Array> {
  const alignment = Object.keys(DTYPE_BITS);
  const sorted = [...sources].sort(
    (a, b) => alignment.indexOf(b.dtype) - alignment.indexOf(a.dtype) || (a.name < b.name ? -1 : 1),
  );
  const sizes = sorted.map(({ dtype, shape }) => tensorBytes(dtype, shape));
  yield headerBytes(sorted, sizes, metadata);
  for (const [i, source] of sorted.entries()) {
    const data = await source.read();
    if (data.byteLength !== sizes[i]) {
      throw new GorpError(
        'internal/tensor-size',
        `The source of tensor ${source.name} returned ${data.byteLength} bytes, not ${sizes[i]}.`,
        REPORT_BUG,
      );
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

/** Length and JSON of a header, padded with spaces so that the tensors start at a multiple of 8 bytes. */
function headerBytes(
  sorted: readonly TensorSource[],
  sizes: readonly (number | null)[],
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  const entries: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    entries.push(`"${METADATA_KEY}":{${pairs.join(',')}}`);
  }
  let begin = 0;
  const names = new Set([METADATA_KEY]);
  for (const [i, { name, dtype, shape }] of sorted.entries()) {
    const size = sizes[i];
    if (names.has(name) || size === null) {
      throw new GorpError(
        'internal/tensor-list',
        `Tensor ${name}, ${dtype} [${shape.join(', ')}], cannot be written: its name is taken or its size not countable.`,
        REPORT_BUG,
      );
    }
    names.add(name);
    const info = JSON.stringify({ dtype, shape, data_offsets: [begin, begin + size] });
    entries.push(`${JSON.stringify(name)}:${info}`);
    begin += size;
  }
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  const length = Math.ceil(json.length / LENGTH_BYTES) * LENGTH_BYTES;
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, LENGTH_BYTES);
  return bytes;
}
