import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import type { ModelTensors } from './model-files.ts';

const MAX_SHARDS = 10_000;
/** A file next to the index. A path or an address could lead elsewhere. */
const PLAIN_NAME = /^[\w-][\w.-]*\.safetensors$/;

const IndexSchema = v.object({
  metadata: v.optional(v.object({ total_size: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))) })),
  // Pairs, not an object, so that no tensor name has a meaning in JavaScript.
  weight_map: v.pipe(
    v.custom<Record<string, unknown>>(
      (map) => typeof map === 'object' && map !== null && !Array.isArray(map),
      'not an object',
    ),
    v.transform((map) => Object.entries(map)),
    v.array(
      v.tuple([
        v.string(),
        v.pipe(v.string(), v.regex(PLAIN_NAME, 'a shard name that is not a plain *.safetensors name')),
      ]),
    ),
    v.minLength(1, 'no tensors'),
  ),
});

/** The content of `model.safetensors.index.json` (Hugging Face `save_pretrained` with `max_shard_size`). */
export interface ShardIndex {
  /** The safetensors files, each once, in order of first mention. */
  files: string[];
  /** Each tensor's name and file. */
  places: [name: string, file: string][];
  /** Bytes of all tensors, without file headers, if the index states them. */
  tensorBytes: number | null;
}

/** Checks an index. @throws GorpError `weights/invalid-index`. */
export function parseShardIndex(json: unknown): ShardIndex {
  const parsed = v.safeParse(IndexSchema, json, { abortEarly: true });
  if (!parsed.success) throw invalid(`${v.getDotPath(parsed.issues[0]) ?? 'the file'}: ${parsed.issues[0].message}`);
  const places = parsed.output.weight_map;
  const files = [...new Set(places.map(([, file]) => file))];
  if (files.length > MAX_SHARDS) throw invalid(`it names ${files.length} files; ${MAX_SHARDS} are allowed`);
  return { files, places, tensorBytes: parsed.output.metadata?.total_size ?? null };
}

/** Checks that every tensor of the index is in the shard it names. @throws GorpError `weights/invalid-index`. */
export function checkShards({ places }: ShardIndex, { tensors }: ModelTensors): void {
  const missing = places.find(([name, file]) => tensors.get(name)?.file !== file);
  if (missing !== undefined) throw invalid(`tensor ${missing[0]} is not in ${missing[1]}`);
}

function invalid(problem: string): GorpError {
  return new GorpError(
    'weights/invalid-index',
    `model.safetensors.index.json is not usable: ${problem}.`,
    'Check that all files of the model come from one save. If they do, save the model again.',
  );
}
