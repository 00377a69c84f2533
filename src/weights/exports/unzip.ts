import { GorpError } from '../../base/errors.ts';

/** A file in an archive. */
export interface ZippedFile {
  path: string;
  /** Its content. If stored without compression, a slice of the archive, not a copy. */
  open: () => Promise<Blob>;
}

const [LOCAL_HEADER, DIRECTORY_HEADER, END, END_64, LOCATOR_64] = [
  0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50,
];
const [STORED, DEFLATED] = [0, 8];
/** Marks a field whose value is in the zip64 field. */
const ELSEWHERE = 0xffffffff;
// What Deflate may add up to: a few KiB can stand for GiB. Rounds and predictions shrink to a tenth at most, weights
// hardly at all.
const MAX_GROWTH = 20;
const ROOM = 256 * 2 ** 20;
/** Size of the end record of an archive without comment. */
const END_BYTES = 22;
const END_64_BYTES = 56;
const LOCAL_BYTES = 30;
const LONGEST_COMMENT = 0xffff;
const ENTRY_BYTES = 46;
/** Files of a run: 128 rounds of a dozen. */
const MOST_FILES = 10_000;
const MOST_DIRECTORY_BYTES = 2 ** 24;

/**
 * The files that a zip archive's directory lists (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3), zip64 included. Omits
 * folders.
 *
 * @throws GorpError `run/bad-zip`; `open` too, when the file's part of the archive is damaged.
 */
export async function unzipped(archive: Blob): Promise<ZippedFile[]> {
  const { count, begin } = await directoryOf(archive);
  if (count > MOST_FILES) throw badZip(`it lists ${count} files; ${MOST_FILES} are read`);
  if (archive.size - begin > MOST_DIRECTORY_BYTES) throw badZip('its directory is too large');
  const directory = await viewOf(archive, begin, archive.size);
  const files: ZippedFile[] = [];
  const places: Sizes[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_BYTES > directory.byteLength || directory.getUint32(at, true) !== DIRECTORY_HEADER)
      throw badZip('its directory is damaged');
    const [name, extra, comment] = [28, 30, 32].map((field) => directory.getUint16(at + field, true));
    if (at + ENTRY_BYTES + name + extra > directory.byteLength) throw badZip('its directory is damaged');
    const path = textOf(directory, at + ENTRY_BYTES, name);
    const method = directory.getUint16(at + 10, true);
    const sizes = sizesOf(directory, at, { from: at + ENTRY_BYTES + name, bytes: extra });
    if (!path.endsWith('/')) {
      files.push({ path, open: () => contentOf(archive, path, method, sizes) });
      places.push(sizes);
    }
    at += ENTRY_BYTES + name + extra + comment;
  }
  checkPlaces(places, archive.size);
  const paths = new Set<string>();
  for (const { path } of files) if (paths.size === paths.add(path).size) throw badZip(`it has ${path} twice`);
  return files;
}

/** @throws GorpError `run/bad-zip` if files share bytes of the archive, or unpack to far more than the archive has. */
function checkPlaces(places: Sizes[], bytes: number): void {
  places.sort((a, b) => a.offset - b.offset);
  for (const [i, { offset, compressed }] of places.entries()) {
    const next = places.at(i + 1)?.offset ?? bytes;
    if (offset + LOCAL_BYTES + compressed > next) throw badZip('its files overlap');
  }
  const unpacked = places.reduce((sum, { size }) => sum + size, 0);
  if (unpacked > ROOM + MAX_GROWTH * bytes) throw badZip(`its ${bytes} bytes unpack to ${unpacked}`);
}

/** The start of an archive's directory and the number of files it lists. */
async function directoryOf(archive: Blob): Promise<{ count: number; begin: number }> {
  if (archive.size === 0) throw badZip('it is empty');
  const from = Math.max(0, archive.size - END_BYTES - LONGEST_COMMENT - 20);
  const tail = await viewOf(archive, from, archive.size);
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END) continue;
    if (at < 20 || tail.getUint32(at - 20, true) !== LOCATOR_64) {
      return { count: tail.getUint16(at + 10, true), begin: tail.getUint32(at + 16, true) };
    }
    const place = Number(tail.getBigUint64(at - 12, true));
    const end = await viewOf(archive, place, place + END_64_BYTES);
    if (end.byteLength < END_64_BYTES || end.getUint32(0, true) !== END_64) throw badZip('part of it is missing');
    return { count: Number(end.getBigUint64(32, true)), begin: Number(end.getBigUint64(48, true)) };
  }
  throw badZip('its end is missing. It was cut off, or is no zip');
}

interface Sizes {
  /** Bytes of the file, as the directory says. */
  size: number;
  compressed: number;
  offset: number;
}

/** Size and offset of a file, from its directory entry at `at`. The 64-bit fields have a fixed order. */
function sizesOf(directory: DataView, at: number, extra: { from: number; bytes: number }): Sizes {
  const short = [24, 20, 42].map((field) => directory.getUint32(at + field, true)); // size, compressed, offset
  let wide = extra.from;
  const end = extra.from + extra.bytes;
  while (wide + 4 <= end && directory.getUint16(wide, true) !== 1) wide += 4 + directory.getUint16(wide + 2, true);
  let next = wide + 4;
  const [size, compressed, offset] = short.map((value) => {
    if (value !== ELSEWHERE) return value;
    if (next + 8 > end) throw badZip('its directory lacks a size');
    next += 8;
    return Number(directory.getBigUint64(next - 8, true));
  });
  return { size, compressed, offset };
}

async function contentOf(
  archive: Blob,
  path: string,
  method: number,
  { size, compressed, offset }: Sizes,
): Promise<Blob> {
  const header = await viewOf(archive, offset, offset + 30);
  if (header.byteLength < 30 || header.getUint32(0, true) !== LOCAL_HEADER)
    throw badZip(`${path} is not at its listed offset`);
  const begin = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  const bytes = archive.slice(begin, begin + compressed);
  if (bytes.size < compressed) throw badZip(`${path} is truncated`);
  if (method === STORED) return bytes;
  if (method !== DEFLATED) throw badZip(`${path} uses an unknown compression (${method})`);
  try {
    return await inflated(bytes, size);
  } catch (cause) {
    throw badZip(`${path} is damaged`, cause);
  }
}

/** @throws RangeError as soon as there is more than the directory says. */
async function inflated(bytes: Blob, size: number): Promise<Blob> {
  let found = 0;
  const counting = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform: (piece, controller) => {
      found += piece.length;
      if (found > size) throw new RangeError(`more than ${size} bytes`);
      controller.enqueue(piece);
    },
  });
  const pieces = bytes.stream().pipeThrough(new DecompressionStream('deflate-raw')).pipeThrough(counting);
  const blob = await new Response(pieces).blob();
  if (found < size) throw new RangeError(`${found} of ${size} bytes`);
  return blob;
}

const viewOf = async (archive: Blob, begin: number, end: number): Promise<DataView> =>
  new DataView(await archive.slice(begin, end).arrayBuffer());

const textOf = (view: DataView, begin: number, bytes: number): string =>
  new TextDecoder().decode(new Uint8Array(view.buffer, begin, bytes));

const badZip = (what: string, cause?: unknown): GorpError =>
  new GorpError(
    'run/bad-zip',
    `The archive cannot be read: ${what}.`,
    'Copy or download it again. If another program can unpack it, choose the folder.',
    { cause },
  );
