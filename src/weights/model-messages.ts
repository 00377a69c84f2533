import * as v from 'valibot';

// What is told of models while they are fetched, listed and checked. Plain data: it crosses from a worker to the page.

const bytes = v.pipe(v.number(), v.minValue(0));

/** A model in the store: the files of one folder. */
export const StoredModelSchema = v.strictObject({
  /** Address of the folder, with a slash at its end: its name in the functions of stored-models.ts. */
  folder: v.string(),
  /** As the settings of a run name it: `org/name@commit`, or the address. */
  reference: v.string(),
  /** Bytes that are there. */
  bytes,
  /** Whether every file is there; a download that was interrupted can be resumed. */
  isComplete: v.boolean(),
});
export type StoredModel = v.InferOutput<typeof StoredModelSchema>;

/** How far the files of a model have come, counted over all of them. */
export const ModelProgressSchema = v.strictObject({
  /** The file that is worked on. */
  file: v.string(),
  bytes,
  /** Null until the weights' length is known. Where no list of files is to be had it is close for sharded weights. */
  totalBytes: v.nullable(bytes),
  source: v.picklist(['network', 'cache']),
  /** Of late; null until it is known, and for the cache. */
  bytesPerSecond: v.nullable(v.number()),
});
export type ModelProgress = v.InferOutput<typeof ModelProgressSchema>;

/** How far checking a model has come. */
export const VerifyProgressSchema = v.strictObject({ bytes, totalBytes: bytes });
export type VerifyProgress = v.InferOutput<typeof VerifyProgressSchema>;

/** What checking a model has found, by the files' names. */
export const VerdictSchema = v.strictObject({
  /** Had damaged parts, which were fetched again. */
  mended: v.array(v.string()),
  /** Could not be mended, and are removed: the next use of the model fetches them anew. */
  removed: v.array(v.string()),
});
export type Verdict = v.InferOutput<typeof VerdictSchema>;
