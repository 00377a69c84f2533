import type { OutputFile } from '../weights/exports/output-file.ts';
import type { ByteFile } from '../weights/model-files.ts';

/** Collects the bytes of a file that is written piece by piece. */
export async function bytesOfFile({ content }: OutputFile): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of content()) pieces.push(piece.slice());
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** A file in memory that is read in parts. */
export const memoryFile = (name: string, bytes: Uint8Array<ArrayBuffer>): ByteFile => ({
  name,
  bytes: bytes.length,
  read: (begin, end) => Promise.resolve(bytes.slice(begin, end)),
  discard: () => Promise.resolve(),
});
