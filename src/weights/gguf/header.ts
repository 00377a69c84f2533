/**
 * The header of a GGUF file (github.com/ggml-org/ggml, docs/gguf.md): magic, version, counts, metadata and tensor infos;
 * then the tensors' bytes, each at a multiple of the alignment. It is read piece by piece, so that a file on a server
 * need not be downloaded, and everything that it claims is checked before memory is taken for it.
 */
import { GorpError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import { type BlockType, blockType } from './blocks.ts';
import { PieceReader, type Pieces } from './piece-reader.ts';
import {
  DOWNLOAD_AGAIN,
  type GgufArray,
  GgufMetadata,
  type GgufValue,
  padded,
  VALUE_TYPES,
  type ValueType,
} from './values.ts';

// Far above any published model: Gemma 3 has 262,144 tokens in a header of 13 MB, LLaMA 3 405B has 1,139 tensors.
const MAX_HEADER_BYTES = 2 ** 27;
const MAX_VALUES = 65_536;
const MAX_TENSORS = 100_000;
const MAX_ITEMS = 2 ** 22;
/** Chat templates of published models have up to 30,000 characters; some files hold a whole tokenizer.json. */
const MAX_STRING_BYTES = 2 ** 26;
const MAX_NAME_BYTES = 1024;
const MAX_DIMENSIONS = 4;
const MAX_ALIGNMENT = 2 ** 20;
const DEFAULT_ALIGNMENT = 32;
const MAGIC = 0x46554747; // "GGUF", little-endian
const VERSIONS = [2, 3];

/** A tensor's type, shape and place in a GGUF file. */
export interface GgufTensor {
  readonly name: string;
  readonly type: BlockType;
  /** Row-major, as in safetensors: the file states it in reverse. */
  readonly shape: readonly number[];
  /** First byte, counted from {@link GgufHeader.dataStart}. */
  readonly begin: number;
  /** First byte after it, counted in the same way. */
  readonly end: number;
}

/** A checked header. */
export interface GgufHeader {
  readonly metadata: GgufMetadata;
  /** By name, in file order. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Bytes before the first tensor. */
  readonly dataStart: number;
  /** The file up to `dataStart`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function refuse(problem: string, nextStep = DOWNLOAD_AGAIN): never {
  throw new GorpError('weights/gguf-header', `This is not a GGUF file that can be read: ${problem}.`, nextStep);
}

/**
 * Reads and checks a header.
 *
 * @throws GorpError `weights/gguf-header`, `weights/gguf-version`, `weights/gguf-type`, `weights/gguf-metadata`; whatever
 *   the bytes are, nothing else but what reading the file throws.
 */
export async function readGgufHeader(file: Pieces): Promise<GgufHeader> {
  const read = new PieceReader(file, MAX_HEADER_BYTES, refuse);
  await checkVersion(read);
  const tensorCount = await read.count('tensors', MAX_TENSORS);
  const valueCount = await read.count('values', MAX_VALUES);
  const values = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) {
    const key = await read.string('the name of a value', MAX_NAME_BYTES);
    if (values.has(key)) refuse(`it has the value ${quoted(key)} twice`);
    values.set(key, await readValue(read, key));
  }
  const metadata = new GgufMetadata(values);
  const alignment = metadata.whole('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (alignment > MAX_ALIGNMENT || alignment < 1 || !Number.isInteger(Math.log2(alignment))) {
    refuse(`its alignment is ${alignment}, not a power of two up to ${MAX_ALIGNMENT}`);
  }
  const tensors = new Map<string, GgufTensor>();
  for (let i = 0; i < tensorCount; i++) {
    const tensor = await readTensorInfo(read);
    if (tensors.has(tensor.name)) refuse(`it has the tensor ${quoted(tensor.name)} twice`);
    tensors.set(tensor.name, tensor);
  }
  const dataStart = padded(read.at, alignment);
  await read.ensure(dataStart - read.at);
  checkLayout([...tensors.values()], alignment, dataStart, file.bytes);
  return { metadata, tensors, dataStart, bytes: read.readSoFar(dataStart) };
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));

async function checkVersion(read: PieceReader): Promise<void> {
  const [magic, version] = [await read.uint32(), await read.uint32()];
  if (magic !== MAGIC) refuse('it does not begin with GGUF', 'Choose a file whose name ends in .gguf.');
  if (VERSIONS.includes(version)) return;
  const reversed = ((version & 0xff) << 24) | ((version & 0xff00) << 8) | ((version >>> 8) & 0xff00) | (version >>> 24);
  const isBigEndian = reversed > 0 && reversed < 256;
  throw new GorpError(
    'weights/gguf-version',
    isBigEndian
      ? 'This GGUF file is big-endian: it was made for another kind of processor.'
      : `This GGUF file has version ${version}; versions ${VERSIONS.join(' and ')} are read.`,
    'Take another file of this model, or convert the model again with a current llama.cpp.',
  );
}

async function readType(read: PieceReader, key: string): Promise<ValueType> {
  const id = await read.uint32();
  const type = VALUE_TYPES.at(id);
  if (id >= VALUE_TYPES.length || type === undefined)
    refuse(`the value ${quoted(key)} is of type ${id}, which does not exist`);
  return type;
}

async function readValue(read: PieceReader, key: string): Promise<GgufValue> {
  const type = await readType(read, key);
  if (type === 'string') return { type, value: await read.string(`the value ${quoted(key)}`, MAX_STRING_BYTES) };
  if (type === 'bool') return { type, value: readBool((await read.numbers('uint8', 1))[0], key) };
  return type === 'array' ? readArray(read, key) : { type, value: (await read.numbers(type, 1))[0] };
}

function readBool(byte: number | bigint, key: string): boolean {
  if (byte !== 0 && byte !== 1) refuse(`the value ${quoted(key)} is neither true nor false`);
  return byte === 1;
}

async function readArray(read: PieceReader, key: string): Promise<GgufArray> {
  const of = await readType(read, key);
  if (of === 'array') refuse(`the value ${quoted(key)} is a list of lists`);
  // A list of bytes may be a table of characters.
  const count = await read.count(`items of ${quoted(key)}`, of === 'string' ? MAX_ITEMS : 4 * MAX_ITEMS);
  if (of === 'string') {
    const items: string[] = [];
    const what = `an item of ${quoted(key)}`;
    for (let i = 0; i < count; i++) items.push(await read.string(what, MAX_STRING_BYTES));
    return { type: 'array', of, items };
  }
  if (of === 'bool') {
    const bytes = await read.numbers('uint8', count);
    return { type: 'array', of, items: Array.from(bytes, (byte) => readBool(byte, key)) };
  }
  return { type: 'array', of, items: await read.numbers(of, count) };
}

async function readTensorInfo(read: PieceReader): Promise<GgufTensor> {
  const name = await read.string('the name of a tensor', MAX_NAME_BYTES);
  const dimensions = await read.uint32();
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    refuse(`tensor ${quoted(name)} has ${dimensions} dimensions; 1 to ${MAX_DIMENSIONS} are allowed`);
  }
  const sizes: number[] = [];
  for (let i = 0; i < dimensions; i++) sizes.push(await read.count(`elements of ${quoted(name)}`, 2 ** 40));
  const type = typeOf(name, await read.uint32());
  const begin = await read.count(`bytes before ${quoted(name)}`, Number.MAX_SAFE_INTEGER);
  const elements = sizes.reduce((product, size) => product * size, 1);
  const bytes = (elements / type.length) * type.bytes;
  if (sizes[0] % type.length !== 0 || elements === 0 || !Number.isSafeInteger(begin + bytes)) {
    refuse(`tensor ${quoted(name)} [${sizes.join(', ')}] cannot consist of whole blocks of ${type.name}`);
  }
  return { name, type, shape: sizes.reverse(), begin, end: begin + bytes };
}

function typeOf(name: string, id: number): BlockType {
  try {
    return blockType(id);
  } catch (thrown) {
    if (!(thrown instanceof GorpError)) throw thrown;
    throw new GorpError(thrown.code, `Tensor ${quoted(name)}: ${thrown.message}`, thrown.nextStep, { cause: thrown });
  }
}

/** Tensors follow each other, each at the next multiple of the alignment, up to the end of the file. */
function checkLayout(tensors: GgufTensor[], alignment: number, dataStart: number, fileBytes: number | null): void {
  let end = 0;
  for (const { name, begin, end: next } of tensors.sort((a, b) => a.begin - b.begin)) {
    const expected = padded(end, alignment);
    if (begin !== expected) {
      refuse(
        `tensor ${quoted(name)} is at byte ${begin} of the data, but must begin at ${expected}, after the one before`,
      );
    }
    end = next;
  }
  if (fileBytes === null || fileBytes === dataStart + end || fileBytes === dataStart + padded(end, alignment)) return;
  refuse(
    `by its header it has ${dataStart + end} bytes (${formatBytes(dataStart + end)}), but it has ${fileBytes}`,
    fileBytes < dataStart + end ? 'The file is cut off: download it again.' : DOWNLOAD_AGAIN,
  );
}
