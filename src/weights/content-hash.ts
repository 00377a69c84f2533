import { sha256Of } from '../base/sha256.ts';

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
