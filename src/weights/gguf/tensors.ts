import { GorpError } from '../../base/errors.ts';
import { checkFinite } from '../dtypes.ts';
import { type BlockTensor, type ByteFile, contentHash, type ModelTensors, type RawTensor } from '../model-files.ts';
import { type BlockTypeName, dequantise } from './blocks.ts';
import type { GgufHeader, GgufTensor } from './header.ts';
import { ROTARY_FACTORS, type TensorRules } from './names.ts';
import type { GgufMetadata } from './values.ts';

/** A tensor under its name on the hub. */
interface NamedTensor extends GgufTensor {
  /** Index of the file that holds it. */
  readonly file: number;
  /** Heads whose two halves are interleaved; 0 for none. */
  readonly interleaved: number;
  /** Whether it holds 1 + weight. */
  readonly addsOne: boolean;
}

/** The facts that the header of a GGUF model states about its weights, before they are fetched. */
export interface GgufTexts {
  readonly metadata: GgufMetadata;
  /** By the names that the hub's models have. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}

/**
 * The tensors of one model by their names on the hub.
 *
 * @param headers of the file, or of all parts of a split one.
 * @param config what {@link configOf} returned.
 * @throws GorpError `weights/duplicate-tensor`.
 */
export function namedTensors(
  headers: readonly GgufHeader[],
  { nameOnHub, interleaves, addsOne }: TensorRules,
  config: Readonly<Record<string, unknown>>,
): Map<string, NamedTensor> {
  const named = new Map<string, NamedTensor>();
  headers.forEach(({ tensors }, file) => {
    for (const tensor of tensors.values()) {
      if (tensor.name === ROTARY_FACTORS) continue;
      const name = nameOnHub(tensor.name);
      if (named.has(name)) {
        throw new GorpError(
          'weights/duplicate-tensor',
          `This GGUF file has the tensor ${name} twice.`,
          'Take another file of this model; the parts of a split one must come from one conversion.',
        );
      }
      const [, half] = /self_attn\.([qk])_proj\.(?:weight|bias)$/.exec(name) ?? [];
      const heads = half === undefined ? 0 : config[half === 'q' ? 'num_attention_heads' : 'num_key_value_heads'];
      named.set(name, {
        ...tensor,
        name,
        file,
        interleaved: interleaves ? Number(heads) : 0,
        addsOne: addsOne && name.endsWith('norm.weight'),
      });
    }
  });
  return named;
}

const DTYPES: Partial<Record<BlockTypeName, RawTensor['dtype']>> = { F32: 'F32', F16: 'F16', BF16: 'BF16' };

/**
 * The tensors as a model's, which are read one at a time.
 *
 * @param files one for each header, complete.
 */
export function ggufTensors(
  named: ReadonlyMap<string, NamedTensor>,
  headers: readonly GgufHeader[],
  files: readonly ByteFile[],
): ModelTensors {
  const find = (name: string): NamedTensor => {
    const tensor = named.get(name);
    if (tensor !== undefined) return tensor;
    throw new GorpError(
      'weights/no-tensor',
      `The weights have no tensor ${name}.`,
      'Use a GGUF file with the whole model.',
    );
  };
  const readBlocks = async (name: string): Promise<BlockTensor> => {
    const { type, shape, begin, end, file, interleaved } = find(name);
    const { dataStart } = headers[file];
    const bytes = await files[file].read(dataStart + begin, dataStart + end);
    return { type, shape, bytes: interleaved > 0 ? reorderedRows(bytes, shape[0], interleaved, 'apart') : bytes };
  };
  const readTensor = async (name: string): Promise<Float32Array> => {
    const { type, bytes } = await readBlocks(name);
    const values = dequantise(type, bytes);
    checkFinite(name, values);
    return find(name).addsOne ? values.map((value) => value - 1) : values;
  };
  const readRaw = async (name: string): Promise<RawTensor> => {
    const { type, shape, addsOne } = find(name);
    const dtype = addsOne ? undefined : DTYPES[type.name];
    if (dtype !== undefined) return { dtype, shape, bytes: (await readBlocks(name)).bytes };
    const { buffer, byteOffset, byteLength } = (await readTensor(name)) as Float32Array<ArrayBuffer>;
    return { dtype: 'F32', shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
  };
  const tensors: ModelTensors['tensors'] = new Map();
  for (const [name, { type, shape, begin, end, file, addsOne }] of named) {
    const dtype = addsOne ? 'F32' : (DTYPES[type.name] ?? 'F32');
    tensors.set(name, {
      name,
      dtype,
      shape,
      begin,
      end,
      file: files[file].name,
      ...(!addsOne && DTYPES[type.name] === undefined && { blocks: type.name }),
    });
  }
  let hash: Promise<string> | undefined;
  return { tensors, readTensor, readRaw, readBlocks, contentHash: () => (hash ??= contentHash(files)) };
}

/**
 * Rows of heads in another order, of whole blocks. In llama.cpp's, row 2i of a head is row i of its first half, row 2i + 1
 * that of its second (`LlamaModel.permute` of its converter); the hub's has the halves apart.
 */
export function reorderedRows(
  bytes: Uint8Array<ArrayBuffer>,
  rows: number,
  heads: number,
  order: 'interleaved' | 'apart',
): Uint8Array<ArrayBuffer> {
  const rowBytes = bytes.length / rows;
  const size = rows / heads;
  const reordered = new Uint8Array(bytes.length);
  for (let woven = 0; woven < rows; woven++) {
    const i = woven % size;
    const apart = woven - i + (i % 2) * (size / 2) + (i >> 1);
    const [from, to] = order === 'apart' ? [woven, apart] : [apart, woven];
    reordered.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), to * rowBytes);
  }
  return reordered;
}
