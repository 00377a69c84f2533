import { crc32 } from 'node:zlib';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { readTexts } from '../run/models/open-network.ts';
import { relativeError } from '../testing/compare.ts';
import { collected, emptyCaches, int64, modelOnDisk, onnxSession, reals } from '../testing/onnx-runtime.ts';
import { bytesOfFile } from '../testing/output-files.ts';
import { committedReference } from '../testing/reference.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { mergedModelFiles, type WeightChanges } from '../weights/exports/merge.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { openTensors } from '../weights/model-files.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { ONNX_DTYPES, type OnnxDtype } from './dtypes.ts';
import { graphsApart, onnxFiles } from './onnx-files.ts';

const LAYER = 'encoder.block.0.layer.0.SelfAttention.q';
const DENSE = 'decoder.block.1.layer.2.DenseReluDense.wo';

/** An adapter of one layer, and the whole weight of another. */
const changes: WeightChanges = {
  scaling: 2,
  adapter: (layer) =>
    Promise.resolve(
      layer === LAYER
        ? {
            A: Float32Array.from({ length: 2 * 16 }, (_, i) => Math.sin(i)),
            B: Float32Array.from({ length: 16 * 2 }, (_, i) => Math.cos(i)),
          }
        : undefined,
    ),
  weights: (layer) =>
    Promise.resolve(layer === DENSE ? Float32Array.from({ length: 16 * 32 }, (_, i) => Math.sin(2 * i)) : undefined),
};
const trained = { changed: new Set([LAYER, DENSE]), changes };

/** A model in memory with the tensors of another model's file. */
async function withTensors(base: ModelFiles, file: Uint8Array<ArrayBuffer>): Promise<ModelFiles> {
  const tensors = await openTensors([
    {
      name: 'model.safetensors',
      bytes: file.length,
      read: (begin, end) => Promise.resolve(file.slice(begin, end)),
      discard: () => Promise.resolve(),
    },
  ]);
  return { ...base, ...tensors };
}

/** Checksums of files by path: comparing bytes one by one takes seconds. */
async function checksums(files: readonly OutputFile[]): Promise<Map<string, number>> {
  return new Map([...(await collected(files))].map(([path, bytes]) => [path, crc32(bytes)]));
}

describe('the files of an export', () => {
  it('match those of the merged model to the last byte', async () => {
    const base = tinyModel();
    const all = await mergedModelFiles(base, trained);
    const weights = all.find(({ path }) => path === 'model.safetensors');
    if (weights === undefined) throw new Error('no weights');
    const merged = await withTensors(base, await bytesOfFile(weights));
    const [ofRound, ofMerged, ofBase] = [
      await checksums(await onnxFiles(base, 'f32', trained)),
      await checksums(await onnxFiles(merged, 'f32')),
      await checksums(await onnxFiles(base, 'f32')),
    ];
    expect(ofRound).toEqual(ofMerged);
    for (const path of ['onnx/encoder_model.onnx_data', 'onnx/decoder_model_merged.onnx_data']) {
      expect(ofRound.get(path)).not.toBe(ofBase.get(path));
    }
  });

  it.each(ONNX_DTYPES)(
    'of a round differ from the base model only in the files of its layers, as %s',
    async (dtype) => {
      const base = tinyModel();
      const ofRound = graphsApart(base, dtype, trained.changed, trained);
      const ofBase = graphsApart(base, dtype, trained.changed);
      expect(ofRound.map(({ name, data }) => [name, ...data.map(({ isApart }) => isApart)])).toEqual([
        ['encoder_model', false, true],
        ['decoder_model_merged', false, true],
      ]);
      for (const [i, { model, data }] of ofRound.entries()) {
        const [sums, sumsOfBase] = [
          await checksums([model, ...data]),
          await checksums([ofBase[i].model, ...ofBase[i].data]),
        ];
        for (const { path, isApart } of [{ ...model, isApart: false }, ...data]) {
          expect(sums.get(path) === sumsOfBase.get(path), path).toBe(!isApart);
        }
      }
    },
  );

  it('tell transformers.js what it needs', async () => {
    const files = await collected(await onnxFiles({ ...tinyModel(), generationConfig: { max_new_tokens: 7 } }, 'q4'));
    const json = (path: string): unknown => JSON.parse(new TextDecoder().decode(files.get(path)));
    expect([...files.keys()]).toEqual([
      'config.json',
      'generation_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'onnx/encoder_model_q4.onnx',
      'onnx/encoder_model_q4.onnx_data',
      'onnx/decoder_model_merged_q4.onnx',
      'onnx/decoder_model_merged_q4.onnx_data',
    ]);
    expect(json('config.json')).toMatchObject({
      model_type: 't5',
      is_encoder_decoder: true,
      num_decoder_layers: 2,
      'transformers.js_config': {
        dtype: 'q4',
        use_external_data_format: { encoder_model: 1, decoder_model_merged: 1 },
      },
    });
    expect(json('generation_config.json')).toEqual({
      max_new_tokens: 7,
      decoder_start_token_id: 0,
      eos_token_id: 1,
      pad_token_id: 0,
    });
  });

  it('have the chat template if the model has one, and no tokenizer if its tokens are bytes', async () => {
    const template = '{% for m in messages %}{{ m.content }}{% endfor %}';
    const chat = { ...tinyModel(), chatTemplate: () => Promise.resolve(template) };
    for (const files of [await onnxFiles(chat, 'f32'), await mergedModelFiles(chat, { changed: new Set(), changes })]) {
      const found = files.find(({ path }) => path === 'chat_template.jinja');
      expect(found && new TextDecoder().decode(await bytesOfFile(found))).toBe(template);
      const config = files.find(({ path }) => path === 'tokenizer_config.json');
      const json = config && new TextDecoder().decode(await bytesOfFile(config));
      expect(JSON.parse(json ?? '')).toMatchObject({ chat_template: template });
    }
    const bytes = { ...tinyModel(), tokenizer: null };
    const paths = (await onnxFiles(bytes, 'f32')).map(({ path }) => path);
    expect(paths).not.toContain('tokenizer.json');
    expect(paths).not.toContain('chat_template.jinja');
  });

  it.each<[string, string | null, object, object]>([
    ['T5Tokenizer', 'T5Tokenizer', { extra_ids: 0 }, { eos_token: '</s>', pad_token: '<pad>', unk_token: '<unk>' }],
    ['no class, by the kind of model', null, {}, { eos_token: '</s>', pad_token: '<pad>', unk_token: '<unk>' }],
    ['one that names other tokens', 'T5TokenizerFast', { pad_token: null }, { eos_token: '</s>', unk_token: '<unk>' }],
    ['LlamaTokenizerFast', 'LlamaTokenizerFast', {}, { eos_token: '</s>', unk_token: '<unk>', padding_side: 'left' }],
    ['GemmaTokenizer', 'GemmaTokenizer', { padding_side: 'right' }, {}],
    ['a general class', 'TokenizersBackend', { model_input_names: ['input_ids'] }, {}],
  ])(
    'name a tokenizer that takes tokenizer.json as it is, with what this class adds: %s',
    async (_, type, said, adds) => {
      const tokenizerConfig = { ...said, ...(type !== null && { tokenizer_class: type }) };
      const files = await mergedModelFiles({ ...tinyModel(), tokenizerConfig }, { changed: new Set(), changes });
      const config = files.find(({ path }) => path === 'tokenizer_config.json') ?? expect.fail('no configuration');
      expect(JSON.parse(new TextDecoder().decode(await bytesOfFile(config)))).toEqual({
        model_input_names: ['input_ids', 'attention_mask'],
        ...adds,
        ...said,
        clean_up_tokenization_spaces: false,
        tokenizer_class: 'PreTrainedTokenizerFast',
      });
    },
  );

  it.each<[string, object, object, boolean]>([
    ['nothing', {}, {}, false],
    ['nothing, in files of transformers 4.30', { transformers_version: '4.30.0' }, {}, true],
    ['false', { transformers_version: '4.30.0' }, { clean_up_tokenization_spaces: false }, false],
    ['true', {}, { clean_up_tokenization_spaces: true }, true],
  ])('decode in other programs as here if the model says of spaces: %s', async (_, more, said, wanted) => {
    const tiny = tinyModel();
    const json = structuredClone(tiny.tokenizer) as ConstructorParameters<typeof Tokenizer>[0] & {
      model: { vocab: [string, number][] };
    };
    json.model.vocab.splice(3, 2, ['▁do', -1], ["▁n't", -1]);
    const config = { ...(tiny.config as object), ...more };
    const model: ModelFiles = { ...tiny, config, tokenizer: json, tokenizerConfig: said };
    const { tokenizer } = await readTexts(model, { promptForm: 'raw' });
    expect(tokenizer.decode([3, 4])).toBe(wanted ? "don't" : "do n't");
    expect(tokenizer.decodeWhole([3, 4])).toBe("do n't"); // what a model reads
    for (const files of [
      await onnxFiles(model, 'f32'),
      await mergedModelFiles(model, { changed: new Set(), changes }),
    ]) {
      const config = files.find(({ path }) => path === 'tokenizer_config.json') ?? expect.fail('no configuration');
      const written = JSON.parse(new TextDecoder().decode(await bytesOfFile(config))) as object;
      expect(written).toMatchObject({ clean_up_tokenization_spaces: wanted });
      expect(new Tokenizer(json, written).decode([3, 4])).toBe(tokenizer.decode([3, 4]));
    }
  });

  it('find the embedding by any of its names', async () => {
    const base = tinyModel();
    const other = 'encoder.embed_tokens.weight';
    const named = (name: string): string => (name === other ? 'shared.weight' : name);
    const tensors: ModelFiles['tensors'] = new Map();
    for (const info of base.tensors.values()) {
      const name = info.name === 'shared.weight' ? other : info.name;
      tensors.set(name, { ...info, name });
    }
    const renamed = { ...base, tensors, readTensor: (name: string) => base.readTensor(named(name)) };
    expect(await checksums(await onnxFiles(renamed, 'f32'))).toEqual(await checksums(await onnxFiles(base, 'f32')));
  });

  it.each([
    ['weights/other-model', () => onnxFiles(tinyModel(), 'f32', { changed: new Set(['encoder.block.9.q']), changes })],
    ['model/unknown-family', () => onnxFiles({ ...tinyModel(), config: { model_type: 'bert' } }, 'f32')],
    ['model/missing-tensor', () => onnxFiles({ ...tinyModel(), tensors: new Map() }, 'f32')],
    ['model/bad-shape', () => onnxFiles({ ...tinyModel(), config: tinyModel({ d_ff: 40 }).config }, 'f32')],
  ])('are refused with %s', async (code, make) => {
    await expect(make()).rejects.toMatchObject({ code });
  });

  it('are refused with weights that f16 cannot hold', async () => {
    const base = tinyModel();
    const large = { ...base, readTensor: async (name: string) => (await base.readTensor(name)).map((w) => w * 1e6) };
    await expect(collected(await onnxFiles(large, 'f16'))).rejects.toMatchObject({ code: 'weights/f16-overflow' });
  });
});

/** Largest relative errors of the logits, with a margin. Random weights are the hardest case. */
const BOUNDS: [OnnxDtype, number][] = [
  ['f16', 1e-3],
  ['q8', 2e-2],
  ['q4', 0.4],
];

describe('the logits of a LLaMA', () => {
  it('are close to those of f32 in every form', async () => {
    const base = await modelOnDisk(committedReference.path('models/stories-tiny'));
    const ids = [1, 403, 407, 261, 378, 432, 383, 286, 261];
    const logits = async (dtype: OnnxDtype, path: string): Promise<Float32Array> => {
      const session = await onnxSession(await collected(await onnxFiles(base, dtype)), `onnx/${path}`);
      const { logits } = await session.run({
        input_ids: int64(ids, [1, ids.length]),
        attention_mask: int64(
          ids.map(() => 1),
          [1, ids.length],
        ),
        position_ids: int64(ids.keys(), [1, ids.length]),
        ...emptyCaches(session, 1),
      });
      return reals(logits);
    };
    const exact = await logits('f32', 'model.onnx');
    for (const [dtype, bound] of BOUNDS) {
      const path = { f16: 'model_fp16.onnx', q8: 'model_quantized.onnx', q4: 'model_q4.onnx', f32: '' }[dtype];
      const error = relativeError(await logits(dtype, path), exact);
      expect(error, dtype).toBeLessThan(bound);
      expect(error, dtype).toBeGreaterThan(0);
    }
  });
});
