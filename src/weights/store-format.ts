/**
 * How the store holds a file: as chunks under `chunk/ID/INDEX`, and an object under `manifest/FILE`, written last.
 * During a write, and after an interrupted one, the object is under `partial/FILE` instead and lists the chunks so far.
 * A partial file can be resumed but never counts as a file.
 */
import * as v from 'valibot';
import type { KeyValue } from './key-value.ts';

const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const common = {
  /** The file's name in the store. */
  file: v.string(),
  /** Part of its chunks' keys; differs between writes of one file. */
  id: v.string(),
  /** Source of the content. */
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
    /** Bytes of the whole file, if known. */
    bytes: v.nullable(bytes),
    /** Required SHA-256 of the whole file, if known. */
    sha256: v.nullable(v.string()),
    /** State of the running SHA-256 after the last chunk; null if no hash is required. */
    hash: v.nullable(v.string()),
  }),
  v.check(
    ({ chunkBytes, chunks, sha256, hash }) =>
      chunks.every((chunk) => chunk.bytes === chunkBytes) && (sha256 === null) === (hash === null),
  ),
);

/** The store's record of a complete file. */
export type Manifest = v.InferOutput<typeof ManifestSchema>;
/** The store's record of an incomplete file. */
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

/** Names of the complete and of the partial files. */
export async function fileNames(values: KeyValue): Promise<{ complete: string[]; partial: string[] }> {
  const keys = await values.keys();
  return { complete: suffixes(keys, MANIFEST), partial: suffixes(keys, PARTIAL) };
}

/** The name of the lock for writing a file. */
export const writeLock = (file: string): string => `write/${file}`;

/** Whether an interrupted write can be resumed: only if changed content would be detected. */
export const isResumable = ({ etag, sha256 }: Pick<PartialManifest, 'etag' | 'sha256'>): boolean =>
  sha256 !== null || isStrong(etag);

/** Whether an ETag identifies the exact bytes; a weak one (`W/"…"`) does not. */
export const isStrong = (etag: string | null): boolean => etag?.startsWith('"') === true;

/**
 * Deletes unreadable manifests, partial files that cannot be resumed, and chunks that belong to neither. Spares files
 * that are being written elsewhere.
 */
export async function removeLeftovers(values: KeyValue): Promise<void> {
  const keys = await values.keys();
  const running = await values.running();
  const owned = new Set<string>();
  const leftovers: string[] = [];
  const files = new Set([...suffixes(keys, MANIFEST), ...suffixes(keys, PARTIAL)]);
  for (const file of files) {
    // In this order, since a write that ends in between stores its manifest before it deletes the partial one.
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
