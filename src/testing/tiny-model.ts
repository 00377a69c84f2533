import { mixSeed, seededRandom } from '../base/random.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import type { TensorInfo } from '../weights/safetensors.ts';
import { normsAddOne, parameterShapes } from './families.ts';

// Imports only plain files, so that end-to-end tests can make models too.
const elementsOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const WORDS = ['red', 'blue', 'round', 'square', 'ball', 'box', 'warm', 'cold', 'roll', 'stand'];
const CONFIG = {
  model_type: 't5',
  vocab_size: 24, // more rows than tokens, as in published models
  d_model: 16,
  d_kv: 8,
  d_ff: 32,
  num_layers: 1,
  num_decoder_layers: 2,
  num_heads: 2,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 16,
};

/** A tokenizer of a few words; others become `<unk>`. */
function tinyTokenizer(): unknown {
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' };
  return {
    added_tokens: [special(0, '<pad>'), special(1, '</s>'), special(2, '<unk>')],
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: null,
    decoder: metaspace,
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: [
        ['<pad>', 0],
        ['</s>', 0],
        ['<unk>', 0],
        ...WORDS.map((word, i): [string, number] => [`▁${word}`, -1 - i / 8]),
      ],
    },
  };
}

/**
 * A T5 with random weights, as from the weight store.
 *
 * @param more overrides its config. With another `model_type` it must be a complete config of that family with the
 *   special tokens of {@link tinyTokenizer}.
 */
export function tinyModel(more: Readonly<Record<string, unknown>> = {}): ModelFiles {
  const config = 'model_type' in more ? more : { ...CONFIG, ...more };
  const shapes = parameterShapes(config);
  const norm = normsAddOne(config) ? 0 : 1;
  const tensors = new Map<string, TensorInfo & { file: string }>();
  for (const [name, shape] of shapes) {
    tensors.set(name, { name, dtype: 'F32', shape, begin: 0, end: elementsOf(shape) * 4, file: 'model.safetensors' });
  }
  const readTensor = (name: string): Promise<Float32Array> => {
    const shape = shapes.get(name) ?? [];
    if (name.endsWith('norm.weight')) return Promise.resolve(new Float32Array(elementsOf(shape)).fill(norm));
    const random = seededRandom(mixSeed(1, name));
    const bound = name === 'shared.weight' ? 2 : 1.5 / Math.sqrt(shape[shape.length - 1]);
    return Promise.resolve(Float32Array.from({ length: elementsOf(shape) }, () => bound * (2 * random.next() - 1)));
  };
  return {
    config,
    tokenizer: tinyTokenizer(),
    tokenizerConfig: {},
    generationConfig: null,
    chatTemplate: () => Promise.resolve(null),
    licence: () => Promise.resolve(null),
    tensors,
    readTensor,
    readRaw: async (name) => {
      const bytes = new Uint8Array((await readTensor(name)).slice().buffer);
      return { dtype: 'F32', shape: shapes.get(name) ?? [], bytes };
    },
    contentHash: () => Promise.resolve('7'.repeat(64)),
    commit: null,
    fromCache: true,
    discard: () => Promise.resolve(),
  };
}
