import { sha256Of } from '../base/sha256.ts';

/** What is needed of a file. */
interface HashedFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of each {@link HASHED_BYTES} of it, where that is known without reading it. */
  readonly hashes?: readonly string[];
  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Bytes that are hashed at once, and that the store keeps together: so it knows these hashes without reading anything. */
export const HASHED_BYTES = 4 * 2 ** 20;

/**
 * Names the content of a model's weight files: SHA-256 over a line for each file, in order of their names, with its
 * length and the SHA-256 of each {@link HASHED_BYTES} of it. The same files have the same hash wherever they lie; saved
 * in another type or with other shards they have another. Four megabytes are held at a time.
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
