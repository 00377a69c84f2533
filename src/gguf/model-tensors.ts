import { reorderedRows } from '../weights/gguf/tensors.ts';
import { checkShapes } from '../models/parameters.ts';
import { checkFinite } from '../weights/dtypes.ts';
import { checkTrainedLayers, isChangedBy, mergedReader, type TrainedChanges } from '../weights/exports/merge.ts';
import { BLOCK_TYPES, dequantise, quantise, type WrittenType } from '../weights/gguf/blocks.ts';
import { ROTARY_FACTORS } from '../weights/gguf/names.ts';
import type { GgufSource } from '../weights/gguf/write.ts';
import type { ModelTensors } from '../weights/model-files.ts';
import { type WrittenForm, noGguf } from './architecture.ts';

/** T5's table of position biases, which its readers take value by value. */
const POSITIONS = /\.relative_attention_bias\.weight$/;
const VOCABULARY = /(^|\.)(shared|embed_tokens|lm_head)\.weight$/;

/**
 * The type of a parameter in a file of weights in `asked`. As llama.cpp's converter and quantiser do: vectors and position biases stay F32, and F16 takes
 * matrices whose rows are not whole blocks. With Q4_0, the vocabulary's table is Q8_0.
 */
function typeOf(asked: WrittenType, name: string, shape: readonly number[]): WrittenType {
  if (shape.length < 2 || POSITIONS.test(name)) return 'F32';
  const type = asked === 'Q4_0' && VOCABULARY.test(name) ? 'Q8_0' : asked;
  return (shape.at(-1) ?? 1) % BLOCK_TYPES[type].length === 0 ? type : 'F16';
}

/**
 * A model's tensors under the names and in the form of llama.cpp, with all training merged in. They are read one at a
 * time. A matrix that was not trained and is stored in blocks of the wanted type is copied.
 *
 * @throws GorpError `model/…` if the tensors do not fit the config, `weights/other-model`. While reading: what reading a
 *   tensor throws, `weights/f16-overflow`.
 */
export function modelTensors(
  base: ModelTensors,
  form: WrittenForm,
  asked: WrittenType,
  trained: TrainedChanges | undefined,
): GgufSource[] {
  if (trained) checkTrainedLayers(base, trained.changed);
  const { shapes } = form;
  const storedName = (name: string): string =>
    [name, ...form.tiedNames(name)].find((one) => base.tensors.has(one)) ?? name;
  checkShapes(shapes, base.tensors, form.isRedundant, storedName);
  const read = mergedReader(base, trained);
  const isChanged = (name: string): boolean => trained !== undefined && isChangedBy(name, trained.changed);

  const tensors = [...shapes].map(([name, shape]): GgufSource => {
    const type = typeOf(asked, name, shape);
    const stored = storedName(name);
    const heads = form.interleavedHeads(name);
    const rows = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
      heads === 0 ? bytes : reorderedRows(bytes, shape[0], heads, 'interleaved');
    return {
      name: fileName(form, name),
      type: BLOCK_TYPES[type],
      shape,
      read: async () => {
        if (base.tensors.get(stored)?.blocks === type && !isChanged(stored) && base.readBlocks) {
          const { bytes } = await base.readBlocks(stored);
          checkFinite(stored, dequantise(BLOCK_TYPES[type], bytes));
          return rows(bytes);
        }
        const values = await read(stored);
        const addsOne = form.addsOne && name.endsWith('norm.weight');
        return rows(quantise(name, addsOne ? values.map((value) => value + 1) : values, type));
      },
    };
  });
  const { rotaryFactors: factors } = form;
  if (factors === null) return tensors;
  const rotary: GgufSource = {
    name: ROTARY_FACTORS,
    type: BLOCK_TYPES.F32,
    shape: [factors.length],
    read: () => Promise.resolve(quantise(ROTARY_FACTORS, factors, 'F32')),
  };
  return [rotary, ...tensors];
}

/** @throws GorpError `model/no-gguf`. */
export function fileName({ nameInFile }: Pick<WrittenForm, 'nameInFile'>, name: string): string {
  const found = nameInFile(name);
  if (found !== undefined) return found;
  throw noGguf(`llama.cpp has no name for ${name}`);
}
