import * as v from 'valibot';

// Messages about models while they are fetched, listed and checked: plain data, sent from a worker to the page.

const bytes = v.pipe(v.number(), v.minValue(0));

/** A model in the store: the files of one folder, or a GGUF file. */
export const StoredModelSchema = v.strictObject({
  /** Address of the folder, with a slash at the end, or of the GGUF file; stored-models.ts identifies models by it. */
  folder: v.string(),
  /** Its name in a run's settings: `org/name@commit`, `org/name@commit:FILE.gguf`, or the address. */
  reference: v.string(),
  /** Bytes stored. */
  bytes,
  /** Whether every file is complete; an interrupted download can be resumed. */
  isComplete: v.boolean(),
});
export type StoredModel = v.InferOutput<typeof StoredModelSchema>;

/** A GGUF file of a repository. */
export const GgufFileSchema = v.strictObject({
  /** Its name in a run's settings. */
  reference: v.string(),
  file: v.string(),
  /** Bytes of all its parts; null if the hub does not say. */
  bytes: v.nullable(bytes),
});
export type GgufFile = v.InferOutput<typeof GgufFileSchema>;

/** Progress over all files of a model. */
export const ModelProgressSchema = v.strictObject({
  /** The current file. */
  file: v.string(),
  bytes,
  /** Null until the weights' length is known. Approximate for sharded weights without a list of files. */
  totalBytes: v.nullable(bytes),
  source: v.picklist(['network', 'cache']),
  /** Recent rate; null until known, and for the cache. */
  bytesPerSecond: v.nullable(v.number()),
});
export type ModelProgress = v.InferOutput<typeof ModelProgressSchema>;

/** Progress of checking a model. */
export const VerifyProgressSchema = v.strictObject({ bytes, totalBytes: bytes });
export type VerifyProgress = v.InferOutput<typeof VerifyProgressSchema>;

/** Result of checking a model, by file name. */
export const VerdictSchema = v.strictObject({
  /** Damaged parts of these were fetched again. */
  mended: v.array(v.string()),
  /** Removed as unrepairable; the next use of the model downloads them again. */
  removed: v.array(v.string()),
});
export type Verdict = v.InferOutput<typeof VerdictSchema>;
