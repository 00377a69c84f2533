// Messages about models while they are fetched, listed and checked: plain data, sent from a worker to the page.

/** A model in the store: the files of one folder, or a GGUF file. */
export interface StoredModel {
  /** Address of the folder, with a slash at the end, or of the GGUF file; stored-models.ts identifies models by it. */
  folder: string;
  /** Its name in a run's settings: `org/name@commit`, `org/name@commit:FILE.gguf`, or the address. */
  reference: string;
  /** Bytes stored. */
  bytes: number;
  /** Whether every file is complete; an interrupted download can be resumed. */
  isComplete: boolean;
}

/** A GGUF file of a repository. */
export interface GgufFile {
  /** Its name in a run's settings. */
  reference: string;
  file: string;
  /** Bytes of all its parts; null if the hub does not say. */
  bytes: number | null;
}

/** Progress over all files of a model. */
export interface ModelProgress {
  /** The current file. */
  file: string;
  bytes: number;
  /** Null until the weights' length is known. Approximate for sharded weights without a list of files. */
  totalBytes: number | null;
  source: 'network' | 'cache';
  /** Recent rate; null until known, and for the cache. */
  bytesPerSecond: number | null;
}

/** Progress of checking a model. */
export interface VerifyProgress {
  bytes: number;
  totalBytes: number;
}

/** Result of checking a model, by file name. */
export interface Verdict {
  /** Damaged parts of these were fetched again. */
  mended: string[];
  /** Removed as unrepairable; the next use of the model downloads them again. */
  removed: string[];
}
