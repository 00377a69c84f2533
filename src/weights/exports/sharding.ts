import { tensorBytes } from '../dtypes.ts';
import { type TensorSource, writeSafetensors } from '../safetensors.ts';
import { jsonFile, type OutputFile } from './output-file.ts';

/** Maximum bytes of tensors in one file, as in Hugging Face's `save_pretrained`. */
const MAX_SHARD_BYTES = 5e9;

/** The framework of the tensors, as `transformers` writes it. */
export const PT_FORMAT: ReadonlyMap<string, string> = new Map([['format', 'pt']]);

/**
 * Lays weights out as `save_pretrained` does: `model.safetensors`, or `model-00001-of-0000N.safetensors` with
 * `model.safetensors.index.json` above `maxBytes`. Preserves the order of tensors; one larger than `maxBytes` gets a
 * file of its own.
 */
export function shardedWeights(tensors: readonly TensorSource[], maxBytes = MAX_SHARD_BYTES): OutputFile[] {
  const shards: TensorSource[][] = [[]];
  let filled = 0;
  let total = 0;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    if (filled > 0 && filled + bytes > maxBytes) {
      shards.push([]);
      filled = 0;
    }
    shards[shards.length - 1].push(tensor);
    filled += bytes;
    total += bytes;
  }
  const file = (path: string, sources: readonly TensorSource[]): OutputFile => ({
    path,
    content: () => writeSafetensors(sources, PT_FORMAT),
  });
  if (shards.length === 1) return [file('model.safetensors', shards[0])];
  const number = (n: number): string => String(n).padStart(5, '0');
  const names = shards.map((_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`);
  const places = shards.flatMap((shard, i) => shard.map(({ name }): [string, string] => [name, names[i]]));
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(places.sort(byName)) };
  return [...shards.map((shard, i) => file(names[i], shard)), jsonFile('model.safetensors.index.json', index)];
}

const bytesOf = ({ dtype, shape }: TensorSource): number => tensorBytes(dtype, shape) ?? 0;

const byName = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1);
