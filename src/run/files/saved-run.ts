import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { sha256Of } from '../../base/sha256.ts';
import type { LearnerState, SavedState, SavedTensors, StatePlace } from '../../gorp/part/state.ts';
import { goneSetting } from '../../methods/parts/gone-settings.ts';
import { checkFinite, tensorData } from '../../weights/dtypes.ts';
import { type OutputFile, PEFT_PREFIX, PT_FORMAT, textFile } from '../../weights/exports/output-file.ts';
import { type ByteFile, HASHED_BYTES, type ModelTensors, openTensors, readJson } from '../../weights/model-files.ts';
import { writeSafetensors } from '../../weights/safetensors.ts';
import { type Results, ResultsSchema } from '../results/results.ts';
import type { RunSettings } from '../settings/settings.ts';
import { type Lesson, LessonSchema } from '../tasks/lessons.ts';
import {
  ADAPTER_FILE,
  CHECKPOINT_FILE,
  type DataPosition,
  DataPositionSchema,
  ROUND_FILE,
  STATE_FILE,
  STEP_FILE,
  WEIGHTS_FILE,
} from './layout.ts';

/** All that the rest of a run depends on: at a task's border what the next task needs, within a task all of it. */
export interface RunState {
  readonly place: DataPosition;
  /** The run so far, as if it were stopped now. */
  readonly results: Results;
  /** Names the data: see {@link dataHash}. */
  readonly data: string;
  readonly learner: LearnerState;
  /** The lessons of the model, in order, with this run's finished tasks. Missing in files of earlier versions. */
  readonly lessons: readonly Lesson[];
  /** How many of them the model had been taught when this run began. */
  readonly taughtBefore: number;
}

/** A saved {@link RunState}; its tensors are read on demand. */
export interface SavedRun extends Omit<RunState, 'learner'> {
  readonly learner: SavedState;
  /** Bytes of its tensors. */
  readonly bytes: number;
  /** Reads all tensors once, and compares them with their hashes. @throws GorpError as {@link openRunState}. */
  check(): Promise<void>;
}

/** A file of a saved state by its path in the folder, or null. */
export type OpenFile = (path: string) => Promise<ByteFile | null>;

/** The kind of a saved state. A round is one at the end of a task; a checkpoint may be anywhere. */
type StateKind = 'round' | 'checkpoint';

const KINDS = {
  round: {
    file: ROUND_FILE,
    code: 'run/bad-round',
    is: 'This saved model cannot be used',
    nextStep: `Get it again, whole, where it was saved: the file that was shared, or the folder of one task, such as 1-dbpedia, with ${ROUND_FILE} and the files saved with it.`,
  },
  checkpoint: {
    file: CHECKPOINT_FILE,
    code: 'run/bad-checkpoint',
    is: 'This checkpoint cannot be used',
    nextStep: 'Resume from the checkpoint before it, or teach the last saved model more.',
  },
} as const;

/** The file of each {@link StatePlace}. */
const PATHS: Readonly<Record<StatePlace, string>> = {
  adapter: ADAPTER_FILE,
  weights: WEIGHTS_FILE,
  earlier: STATE_FILE,
  step: STEP_FILE,
};
const PLACES = Object.keys(PATHS) as StatePlace[];

/** Of the files that describe states. */
const VERSION = 1;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const ManifestSchema = v.strictObject({
  schema: v.literal('gorp-web/state'),
  version: v.literal(VERSION),
  place: DataPositionSchema,
  data: v.string(),
  learner: v.strictObject({
    task: count,
    step: count,
    totalSteps: count,
    training: v.boolean(),
    /** Files of earlier versions protect nothing but earlier tasks. */
    isProtected: v.optional(v.boolean(), false),
    isUnmerged: v.boolean(),
    kept: v.exactOptional(v.strictObject({ isUnmerged: v.boolean() })),
    rateFactors: v.strictTuple([v.number(), v.number()]),
    examples: v.array(v.strictObject({ task: count, source: v.array(count), label: v.array(count) })),
  }),
  /** The files of tensors: their lengths, and the SHA-256 of each {@link HASHED_BYTES} of them. */
  files: v.array(v.strictObject({ path: v.picklist(Object.values(PATHS)), bytes: count, hashes: v.array(v.string()) })),
  results: ResultsSchema,
  lessons: v.optional(v.array(LessonSchema), []),
  taughtBefore: v.optional(count, 0),
});
type Manifest = v.InferOutput<typeof ManifestSchema>;

/** A file of tensors that was saved: its hashes, and the version of the learner's tensors in it. */
interface WrittenFile {
  readonly version: string;
  readonly bytes: number;
  readonly hashes: readonly string[];
}

/** The files of tensors that were saved, by path. */
export type WrittenFiles = ReadonlyMap<string, WrittenFile>;

const isSame = ({ versions }: LearnerState, place: StatePlace, before: WrittenFiles | undefined): boolean =>
  before?.get(PATHS[place])?.version === versions[place];

/** Bytes of the tensors of a state that differ from those saved before; the rest is small. */
export const bytesOf = ({ learner }: RunState, before?: WrittenFiles): number =>
  learner.tensors
    .filter(({ place }) => !isSame(learner, place, before))
    .reduce((sum, { rows, columns, dtype }) => sum + rows * columns * (dtype === 'F32' ? 4 : 8), 0);

/** A file of a checkpoint. */
export interface CheckpointFile extends OutputFile {
  /**
   * Whether its bytes are those of the same path in the checkpoint before the last: a store may use that file. It never
   * uses one of the last, so that the two that it stores share none, and damage to one leaves the other.
   */
  readonly isUnchanged?: boolean;
}

/** How a state is written. */
interface Writing {
  /** Receives how many bytes of tensors have been written. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** The files of the checkpoint before the last of the same learner: what has not changed since is marked as such. */
  readonly before?: WrittenFiles | undefined;
}

/**
 * The files of a saved state, to be written in this order. One tensor is in memory at a time.
 *
 * @returns the files, and what they saved, complete once the last of them is written.
 */
export function stateFiles(
  { place, results, data, learner, lessons, taughtBefore }: RunState,
  kind: StateKind,
  { onBytes = () => undefined, before }: Writing = {},
): { files: CheckpointFile[]; written: WrittenFiles } {
  const written = new Map<string, WrittenFile>();
  let total = 0;
  const files = PLACES.flatMap((where): CheckpointFile[] => {
    const path = PATHS[where];
    const tensors = learner.tensors.filter((one) => one.place === where);
    if (tensors.length === 0) return [];
    const last = isSame(learner, where, before) ? before?.get(path) : undefined;
    // A store that does not use the file it has reads the content, which replaces this.
    if (last) written.set(path, last);
    const sources = tensors.map(({ name, dtype, rows, columns, read }) => {
      return { name: where === 'adapter' ? PEFT_PREFIX + name : name, dtype, shape: [rows, columns], read };
    });
    const content = async function* (): AsyncGenerator<Uint8Array> {
      const sums = new PieceHashes();
      for await (const piece of writeSafetensors(sources, PT_FORMAT)) {
        await sums.add(piece);
        yield piece;
        onBytes((total += piece.length));
      }
      await sums.end();
      const { bytes, hashes } = sums;
      written.set(path, { version: learner.versions[where], bytes, hashes });
    };
    return [{ path, content, isUnchanged: last !== undefined }];
  });
  const manifest = (): string => {
    const format = { schema: 'gorp-web/state', version: VERSION };
    const hashed = [...written].map(([path, { bytes, hashes }]) => ({ path, bytes, hashes }));
    const taught = { lessons, taughtBefore };
    return JSON.stringify({ ...format, place, data, learner: learner.progress, files: hashed, results, ...taught });
  };
  return { files: [...files, textFile(KINDS[kind].file, manifest)], written };
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
 * Opens the folder of a saved state. Of its tensors only the lengths are checked: see {@link SavedRun.check}.
 *
 * @throws GorpError `run/bad-round` or `run/bad-checkpoint` when a file is missing, damaged or of something else.
 */
export async function openRunState(open: OpenFile, kind: StateKind): Promise<SavedRun> {
  const manifest = await open(KINDS[kind].file);
  if (manifest === null) throw bad(kind, `the folder has no ${KINDS[kind].file}`);
  const { place, data, learner, files, results, lessons, taughtBefore } = await readManifest(manifest, kind);
  const opened: ByteFile[] = [];
  for (const { path, bytes } of files) {
    const file = await open(path);
    if (file === null) throw bad(kind, `the folder has no ${path}`);
    if (file.bytes !== bytes) throw bad(kind, `${path} has ${file.bytes} bytes, not ${bytes}`);
    opened.push(file);
  }
  return {
    place,
    data,
    results,
    lessons,
    taughtBefore,
    learner: { progress: learner, tensors: savedTensors(await openTensors(opened)) },
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    check: async () => {
      for (const [i, { path, hashes }] of files.entries()) await checkWhole(opened[i], path, hashes, kind);
    },
  };
}

function savedTensors(file: ModelTensors): SavedTensors {
  const storedNames = new Map(
    [...file.tensors.keys()].map((name) => [
      name.startsWith(PEFT_PREFIX) ? name.slice(PEFT_PREFIX.length) : name,
      name,
    ]),
  );
  return {
    names: [...storedNames.keys()],
    read: async (name) => {
      const stored = storedNames.get(name);
      const info = stored === undefined ? undefined : file.tensors.get(stored);
      if (stored === undefined || info?.shape.length !== 2) return undefined;
      const { dtype, bytes } = await file.readRaw(stored);
      const numbers = tensorData(dtype, bytes);
      if (numbers.dtype !== 'F32' && numbers.dtype !== 'F64') return undefined;
      checkFinite(name, numbers.data);
      const [rows, columns] = info.shape;
      return { rows, columns, data: numbers.data as Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> };
    },
  };
}

/** Reads what describes a saved state, and none of its tensors. @throws GorpError as {@link openRunState}. */
export async function readManifest(file: ByteFile, kind: StateKind): Promise<Manifest> {
  const json = await readJson(file);
  const parsed = v.safeParse(ManifestSchema, json, { abortEarly: true });
  if (parsed.success) {
    const { place, results } = parsed.output;
    const tasks = results.settings.order.length;
    if (place.round <= tasks) return parsed.output;
    throw bad(kind, `${KINDS[kind].file}: it is in task ${place.round} of ${tasks}`);
  }
  const gone = goneSetting(parsed.issues, KINDS[kind].file);
  if (gone) throw gone;
  const [issue] = parsed.issues;
  const field = v.getDotPath(issue) ?? 'the file';
  const newer = newerIn(issue, field);
  if (newer === null) throw bad(kind, `${KINDS[kind].file}: ${field}: ${issue.message}`);
  const nextStep = 'Open it with that gorp-web, or update this one: reload the page, or install it again.';
  throw bad(kind, `a newer gorp-web saved it: ${KINDS[kind].file} has ${newer}`, nextStep);
}

/** The field that only a newer version writes: one that this one does not know, or a higher version; null if it is neither. */
function newerIn({ expected, input }: v.BaseIssue<unknown>, field: string): string | null {
  if (expected === 'never') return `a field ${field}`;
  return /(?:^|\.)version$/.test(field) && Number(input) > Number(expected) ? `${field} ${String(input)}` : null;
}

async function checkWhole(file: ByteFile, path: string, hashes: readonly string[], kind: StateKind): Promise<void> {
  for (const [i, hash] of hashes.entries()) {
    const [begin, end] = [i * HASHED_BYTES, Math.min(file.bytes, (i + 1) * HASHED_BYTES)];
    if ((await sha256Of(await file.read(begin, end))) === hash) continue;
    throw bad(kind, `${path} is damaged between byte ${begin} and ${end}`);
  }
}

/** The error for the folder of a saved state that cannot be used. */
export const bad = (kind: StateKind, problem: string, nextStep: string = KINDS[kind].nextStep): GorpError =>
  new GorpError(KINDS[kind].code, `${KINDS[kind].is}: ${problem}.`, nextStep);

/** Opens the folder of a checkpoint, and checks that it is complete. @throws GorpError `run/bad-checkpoint`. */
export async function openCheckpoint(open: OpenFile): Promise<SavedRun> {
  const saved = await openRunState(open, 'checkpoint');
  await saved.check();
  return saved;
}

/** The facts of a checkpoint that the page shows. */
interface CheckpointSummary {
  /** The run it belongs to. */
  readonly id: string | undefined;
  readonly startedAt: string;
  /** The results until then. */
  readonly results: Results;
  readonly settings: RunSettings;
  readonly round: number;
  /** Optimizer steps done in all. */
  readonly step: number;
}

/** Describes a checkpoint from its manifest alone. @throws GorpError `run/bad-checkpoint`. */
export async function summaryOf(file: ByteFile): Promise<CheckpointSummary> {
  const { place, learner, results } = await readManifest(file, 'checkpoint');
  const { id, startedAt, settings } = results;
  return { id, startedAt, results, settings, round: place.round, step: learner.totalSteps };
}
