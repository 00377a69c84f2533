/**
 * How a file lies in the store: a row of chunks under `chunk/ID/INDEX`, and one object under `manifest/FILE` that is
 * written last. While it is being written, and when that was interrupted, the object is under `partial/FILE` instead and
 * lists the chunks so far: it can be gone on from, and is never taken for a file.
 */
import * as v from 'valibot';
import type { KeyValue } from './key-value.ts';

const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const common = {
  /** The file's name in the store. */
  file: v.string(),
  /** Part of its chunks' keys; differs between two writes of one file. */
  id: v.string(),
  /** Where the content comes from. */
  url: v.string(),
  etag: v.nullable(v.string()),
  /** Bytes of every chunk but the last. */
  chunkBytes: v.pipe(bytes, v.minValue(1)),
  chunks: v.array(v.object({ sha256: v.string(), bytes })),
};

const ManifestSchema = v.pipe(
  v.object({ ...common, bytes }),
  v.check(
    ({ bytes, chunkBytes, chunks }) =>
      chunks.length === Math.ceil(bytes / chunkBytes) &&
      chunks.every((chunk, i) => chunk.bytes === Math.min(chunkBytes, bytes - i * chunkBytes)),
  ),
);

const PartialSchema = v.pipe(
  v.object({
    ...common,
    /** Bytes that the whole file has, where known. */
    bytes: v.nullable(bytes),
    /** SHA-256 that the whole file must have, where known. */
    sha256: v.nullable(v.string()),
    /** State of the whole file's running SHA-256 behind the last chunk; null where none is expected. */
    hash: v.nullable(v.string()),
  }),
  v.check(
    ({ chunkBytes, chunks, sha256, hash }) =>
      chunks.every((chunk) => chunk.bytes === chunkBytes) && (sha256 === null) === (hash === null),
  ),
);

/** What the store knows of a file. */
export type Manifest = v.InferOutput<typeof ManifestSchema>;
/** What the store knows of a file that is not complete. */
export type PartialManifest = v.InferOutput<typeof PartialSchema>;

const MANIFEST = 'manifest/';
const PARTIAL = 'partial/';
const CHUNK = 'chunk/';
export const manifestKey = (file: string): string => MANIFEST + file;
export const partialKey = (file: string): string => PARTIAL + file;
export const chunkKey = (id: string, index: number): string => `${CHUNK}${id}/${index}`;
export const chunkKeys = (id: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => chunkKey(id, i));

export async function loadManifest(values: KeyValue, file: string): Promise<Manifest | null> {
  const parsed = v.safeParse(ManifestSchema, await values.getObject(manifestKey(file)));
  return parsed.success ? parsed.output : null;
}

export async function loadPartial(values: KeyValue, file: string): Promise<PartialManifest | null> {
  const parsed = v.safeParse(PartialSchema, await values.getObject(partialKey(file)));
  return parsed.success ? parsed.output : null;
}

const suffixes = (keys: readonly string[], prefix: string): string[] =>
  keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));

/** Names of the files that have a manifest, and of those that have a partial one. */
export async function fileNames(values: KeyValue): Promise<{ complete: string[]; partial: string[] }> {
  const keys = await values.keys();
  return { complete: suffixes(keys, MANIFEST), partial: suffixes(keys, PARTIAL) };
}

/** The name of the lock that a file is written under. */
export const writeLock = (file: string): string => `write/${file}`;

/** Whether an interrupted write can be gone on from: only if other content in its place would be found out. */
export const isResumable = ({ etag, sha256 }: Pick<PartialManifest, 'etag' | 'sha256'>): boolean =>
  sha256 !== null || isStrong(etag);

/** Whether an ETag stands for one row of bytes; a weak one (`W/"…"`) may stand for several. */
export const isStrong = (etag: string | null): boolean => etag?.startsWith('"') === true;

/**
 * Deletes unreadable manifests, partial ones that cannot be gone on from, and chunks that belong to none of them; what
 * is being written elsewhere stays.
 */
export async function removeLeftovers(values: KeyValue): Promise<void> {
  const keys = await values.keys();
  const running = await values.running();
  const owned = new Set<string>();
  const leftovers: string[] = [];
  const files = new Set([...suffixes(keys, MANIFEST), ...suffixes(keys, PARTIAL)]);
  for (const file of files) {
    // In this order: a write that ends in between has its manifest before its partial one goes.
    const partial = await loadPartial(values, file);
    const manifest = await loadManifest(values, file);
    if (partial !== null && (isResumable(partial) || running.has(writeLock(file)))) owned.add(partial.id);
    else leftovers.push(partialKey(file));
    if (manifest !== null) owned.add(manifest.id);
    else leftovers.push(manifestKey(file));
  }
  const known = new Set(keys);
  leftovers.push(...keys.filter((key) => key.startsWith(CHUNK) && !owned.has(key.split('/')[1])));
  await values.delete(leftovers.filter((key) => known.has(key)));
}
