import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { sha256Of } from '../../base/sha256.ts';
import type { LearnerState, SavedState } from '../../gorp/learner/state.ts';
import { HASHED_BYTES } from '../../weights/content-hash.ts';
import { type OutputFile, textFile } from '../../weights/exports/output-file.ts';
import { type ByteFile, openTensors, readJson } from '../../weights/model-files.ts';
import { tensorData } from '../../weights/dtypes.ts';
import { writeSafetensors } from '../../weights/safetensors.ts';
import type { OpenFile } from '../outputs/saved-round.ts';
import { type Results, ResultsSchema } from '../results.ts';
import type { RunSettings } from '../settings.ts';
import { type Place, PlaceSchema } from './place.ts';

/** Names the state, its bytes and their hashes; written after it. */
export const CHECKPOINT_FILE = 'checkpoint.json';
/** The learner's matrices: f32 as the device has them, f64 as the host has them. */
export const STATE_FILE = 'state.safetensors';

/** All that a run needs to resume between two steps as if nothing had happened. */
export interface Checkpoint {
  readonly place: Place;
  /** The run so far, as if it were stopped now. */
  readonly results: Results;
  /** How layer health is sampled. */
  readonly sampling: { every: number; seen: number };
  /** Names the data: see {@link dataHash}. */
  readonly data: string;
  readonly learner: LearnerState;
}

/** A saved {@link Checkpoint}; its matrices are read on demand. */
export interface SavedCheckpoint extends Omit<Checkpoint, 'learner'> {
  readonly learner: SavedState;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const ManifestSchema = v.strictObject({
  schema: v.literal('gorp-web/checkpoint'),
  version: v.literal(1),
  place: PlaceSchema,
  sampling: v.strictObject({ every: v.pipe(count, v.minValue(1)), seen: count }),
  data: v.string(),
  learner: v.strictObject({
    task: count,
    step: count,
    totalSteps: count,
    training: v.boolean(),
    isUnmerged: v.boolean(),
    rateFactors: v.strictTuple([v.number(), v.number()]),
    examples: v.array(v.strictObject({ task: count, source: v.array(count), label: v.array(count) })),
  }),
  /** Of {@link STATE_FILE}: its length, and the SHA-256 of each {@link HASHED_BYTES} of it. */
  state: v.strictObject({ bytes: count, hashes: v.array(v.string()) }),
  results: ResultsSchema,
});

/** Bytes of the matrices of a checkpoint; the rest is small. */
export const bytesOf = ({ learner }: Checkpoint): number =>
  learner.matrices.reduce((sum, { rows, columns, dtype }) => sum + rows * columns * (dtype === 'F32' ? 4 : 8), 0);

/**
 * The files of a checkpoint, to be written in this order, once. One matrix is in memory at a time.
 *
 * @param onBytes receives how much of the matrices has been written.
 */
export function checkpointFiles(checkpoint: Checkpoint, onBytes: (bytes: number) => void): OutputFile[] {
  const { place, sampling, data, learner, results } = checkpoint;
  const sums = new PieceHashes();
  const sources = learner.matrices.map(({ name, dtype, rows, columns, read }) => {
    return { name, dtype, shape: [rows, columns], read };
  });
  const content = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of writeSafetensors(sources)) {
      await sums.add(piece);
      yield piece;
      onBytes(sums.bytes);
    }
    await sums.end();
  };
  const manifest = (): string => {
    const { bytes, hashes } = sums;
    const format = { schema: 'gorp-web/checkpoint', version: 1 };
    return JSON.stringify({
      ...format,
      place,
      sampling,
      data,
      learner: learner.progress,
      state: { bytes, hashes },
      results,
    });
  };
  return [{ path: STATE_FILE, content }, textFile(CHECKPOINT_FILE, manifest)];
}

/** SHA-256 of each {@link HASHED_BYTES} of a file that arrives in pieces. */
class PieceHashes {
  readonly hashes: string[] = [];
  bytes = 0;
  readonly #piece = new Uint8Array(HASHED_BYTES);
  #filled = 0;

  async add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + HASHED_BYTES - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === HASHED_BYTES) await this.end();
    }
    this.bytes += bytes.length;
  }

  /** Hashes what is left. */
  async end(): Promise<void> {
    if (this.#filled > 0) this.hashes.push(await sha256Of(this.#piece.slice(0, this.#filled)));
    this.#filled = 0;
  }
}

/**
 * Opens the folder of a checkpoint, and reads all of it once to check that it is complete.
 *
 * @throws GorpError `run/bad-checkpoint` when a file is missing, damaged or of something else.
 */
export async function openCheckpoint(open: OpenFile): Promise<SavedCheckpoint> {
  const manifest = await open(CHECKPOINT_FILE);
  if (manifest === null) throw bad(`it has no ${CHECKPOINT_FILE}`);
  const { place, sampling, data, learner, state, results } = await readManifest(manifest);
  const stored = await open(STATE_FILE);
  if (stored === null) throw bad(`it has no ${STATE_FILE}`);
  await checkWhole(stored, state);
  const file = await openTensors([stored]);
  const { tensors } = file;
  return {
    place,
    sampling,
    data,
    results,
    learner: {
      progress: learner,
      matrices: {
        names: [...tensors.keys()],
        read: async (name) => {
          const info = tensors.get(name);
          if (info?.shape.length !== 2) return undefined;
          const { dtype, bytes } = await file.readRaw(name);
          const numbers = tensorData(dtype, bytes);
          if (numbers.dtype !== 'F32' && numbers.dtype !== 'F64') return undefined;
          const [rows, columns] = info.shape;
          return { rows, columns, data: numbers.data as Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> };
        },
      },
    },
  };
}

/** What the page shows of a checkpoint. */
export interface CheckpointSummary {
  /** The run it belongs to. */
  readonly id: string | undefined;
  readonly settings: RunSettings;
  readonly round: number;
  /** Optimizer steps done in all. */
  readonly step: number;
}

/** Describes a checkpoint from its manifest alone. @throws GorpError `run/bad-checkpoint`. */
export async function summaryOf(file: ByteFile): Promise<CheckpointSummary> {
  const { place, learner, results } = await readManifest(file);
  return { id: results.id, settings: results.settings, round: place.round, step: learner.totalSteps };
}

async function readManifest(file: ByteFile): Promise<v.InferOutput<typeof ManifestSchema>> {
  const parsed = v.safeParse(ManifestSchema, await readJson(file));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw bad(`${CHECKPOINT_FILE}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
}

async function checkWhole(
  file: ByteFile,
  { bytes, hashes }: { bytes: number; hashes: readonly string[] },
): Promise<void> {
  if (file.bytes !== bytes) throw bad(`${STATE_FILE} has ${file.bytes} bytes, not ${bytes}`);
  for (const [i, hash] of hashes.entries()) {
    const at = i * HASHED_BYTES;
    if ((await sha256Of(await file.read(at, Math.min(bytes, at + HASHED_BYTES)))) !== hash) {
      throw bad(`${STATE_FILE} is damaged between byte ${at} and ${Math.min(bytes, at + HASHED_BYTES)}`);
    }
  }
}

const bad = (problem: string): GorpError =>
  new GorpError(
    'run/bad-checkpoint',
    `This checkpoint cannot be used: ${problem}.`,
    'Resume from the checkpoint before it, or from the last saved round.',
  );
