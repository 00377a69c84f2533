import { GorpError } from '../base/errors.ts';
import { tiedDecoderNames } from '../models/decoder-config.ts';
import { checkShapes } from '../models/parameters.ts';
import { isChangedBy, mergedReader, type WeightChanges } from '../weights/exports/merge.ts';
import { checkTrainedLayers } from '../weights/exports/merged-model.ts';
import { BLOCK_TYPES } from '../weights/gguf/blocks.ts';
import { nameInFile, ROTARY_FACTORS } from '../weights/gguf/names.ts';
import { quantise, type WrittenType } from '../weights/gguf/quantise.ts';
import type { GgufSource } from '../weights/gguf/write.ts';
import type { ModelTensors } from '../weights/model-files.ts';
import type { WrittenForm } from './architecture.ts';
import { interleavedRows } from './interleaved.ts';

/** What to merge into a model. */
export interface TrainedChanges {
  /** Layers, without `.weight`, with an entry in {@link changes}. */
  readonly changed: ReadonlySet<string>;
  readonly changes: WeightChanges;
}

const VOCABULARY = /(^|\.)(embed_tokens|lm_head)\.weight$/;

/**
 * The type of a parameter in a file of weights in `asked`. As llama.cpp's converter does: vectors stay F32, and F16 takes
 * matrices whose rows are not whole blocks. With Q4_0, the vocabulary's table is Q8_0.
 */
function typeOf(asked: WrittenType, name: string, shape: readonly number[]): WrittenType {
  if (shape.length < 2) return 'F32';
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
  const { config, shapes } = form;
  const others = (name: string): string[] => tiedDecoderNames(name, config);
  const storedName = (name: string): string => [name, ...others(name)].find((one) => base.tensors.has(one)) ?? name;
  const redundant = /(^|\.)rotary_emb\.inv_freq$/;
  checkShapes(
    shapes,
    base.tensors,
    (name) => redundant.test(name) || others('model.embed_tokens.weight').includes(name),
    storedName,
  );
  const read = trained ? mergedReader(base, trained.changed, trained.changes) : (name: string) => base.readTensor(name);
  const isChanged = (name: string): boolean => trained !== undefined && isChangedBy(name, trained.changed);

  const tensors = [...shapes].map(([name, shape]): GgufSource => {
    const type = typeOf(asked, name, shape);
    const stored = storedName(name);
    const heads = form.interleaves ? headsOf(name, form) : 0;
    const rows = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
      heads === 0 ? bytes : interleavedRows(bytes, shape[0], heads);
    return {
      name: fileName(form, name),
      type: BLOCK_TYPES[type],
      shape,
      read: async () => {
        if (base.tensors.get(stored)?.blocks === type && !isChanged(stored) && base.readBlocks) {
          return rows((await base.readBlocks(stored)).bytes);
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

/** Heads of a layer whose rows llama.cpp interleaves; 0 for other layers. @param name of a parameter or a layer. */
export function headsOf(name: string, { config }: Pick<WrittenForm, 'config'>): number {
  if (/\.self_attn\.q_proj(\.|$)/.test(name)) return config.numHeads;
  return /\.self_attn\.k_proj(\.|$)/.test(name) ? config.numKeyHeads : 0;
}

/** @throws GorpError `model/no-gguf`. */
export function fileName({ architecture }: WrittenForm, name: string): string {
  const found = nameInFile(architecture, name);
  if (found !== undefined) return found;
  throw new GorpError(
    'model/no-gguf',
    `This model cannot be written as GGUF: llama.cpp has no name for ${name}.`,
    'Export it as ONNX, or merge it for transformers.',
  );
}
