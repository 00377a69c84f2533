import { bytesOfFile, memoryFile } from '../testing/output-files.ts';
import { describe, expect, test } from 'vitest';
import { familyOf } from '../models/families.ts';
import { type KnownModel, readTexts } from '../run/models/open-network.ts';
import { readDecoderConfig } from '../testing/families.ts';
import { type ReferenceFolder, referencesWith } from '../testing/reference.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import type { WeightChanges } from '../weights/exports/merge.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { readGgufHeader } from '../weights/gguf/header.ts';
import { mergesByScore } from '../weights/gguf/tokens.ts';
import { openGguf } from '../weights/gguf/model.ts';
import { LocalFolder, type ModelFiles } from '../weights/model-folder.ts';
import { ggufAdapterFiles } from './round.ts';
import { decoderForm } from './architecture.ts';
import type { GgufDtype } from './names.ts';
import { ggufFiles } from './gguf-files.ts';
import { tokenizerValues } from './tokenizer-values.ts';

const ASKING = { promptForm: 'raw', maxNewTokens: 5 } as const;
const [reference] = referencesWith('tokenizers/golden.json');

const textOf = async (files: readonly OutputFile[], path: string): Promise<string> =>
  new TextDecoder().decode(await bytesOfFile(files.find((file) => file.path === path) ?? expect.fail(`no ${path}`)));

/** The model in a written file, as this project opens GGUF files. */
async function opened(files: readonly OutputFile[]): Promise<ModelFiles> {
  const [{ path }] = files;
  const file = memoryFile(path, await bytesOfFile(files[0]));
  return openGguf(new LocalFolder('folder', (name) => Promise.resolve(name === path ? file : null)), path);
}

interface UnigramModel {
  vocab: [string, number][];
}
interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean }[];
  model: { vocab: Record<string, number>; merges: unknown };
  normalizer?: unknown;
}

interface Family {
  tokenizer: string;
  /** Changes the tokenizer, which is cut from a published one. */
  edit?: (tokenizer: TokenizerJson) => object;
  config: Record<string, unknown>;
}

const SIZES = {
  vocab_size: 512,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 6,
  max_position_embeddings: 128,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  rms_norm_eps: 1e-5,
  rope_theta: 5000,
};
const T5 = {
  ...{
    model_type: 't5',
    architectures: ['T5ForConditionalGeneration'],
    is_encoder_decoder: true,
    d_model: 32,
    d_kv: 16,
  },
  d_ff: 64,
  num_layers: 2,
  num_heads: 2,
  decoder_start_token_id: 0,
};
const LLAMA3 = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};
const local = (_: unknown, i: number): string => ((i + 1) % 6 === 0 ? 'full_attention' : 'sliding_attention');

/** With all merges that its tokens allow, as a whole vocabulary has: the more letters a token has, the later it is made. */
function complete({ model, ...tokenizer }: TokenizerJson): object {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
  const added = new Set(tokenizer.added_tokens.map(({ id }) => id));
  const scores = tokens.map((token, id) => -1000 * token.length - id);
  const merges = mergesByScore(tokens, scores, (id) => !added.has(id) && !/^<0x..>$/.test(tokens[id]));
  return { ...tokenizer, model: { ...model, merges } };
}

/** Every model that llama.cpp computes in the same way, with a tokenizer of its kind. */
const FAMILIES: Record<string, Family> = {
  llama: {
    tokenizer: 'byte-level-smollm2',
    config: { model_type: 'llama', architectures: ['LlamaForCausalLM'], tie_word_embeddings: false },
  },
  'llama 3': {
    tokenizer: 'byte-level-llama3',
    config: {
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      tie_word_embeddings: true,
      attention_bias: true,
      mlp_bias: true,
      rope_scaling: LLAMA3,
    },
  },
  qwen2: {
    tokenizer: 'byte-level-qwen',
    config: { model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'], tie_word_embeddings: true },
  },
  qwen3: {
    tokenizer: 'byte-level-qwen',
    config: {
      model_type: 'qwen3',
      architectures: ['Qwen3ForCausalLM'],
      tie_word_embeddings: false,
      rope_scaling: { rope_type: 'linear', factor: 2 },
    },
  },
  smollm3: {
    tokenizer: 'byte-level-llama3',
    config: {
      model_type: 'smollm3',
      architectures: ['SmolLM3ForCausalLM'],
      tie_word_embeddings: true,
      no_rope_layers: [1, 1, 1, 0, 1, 1],
    },
  },
  'llama with words': {
    tokenizer: 'unigram-t5',
    edit: (tokenizer) => ({ ...tokenizer, normalizer: null }),
    config: { model_type: 'llama', architectures: ['LlamaForCausalLM'], tie_word_embeddings: true },
  },
  t5: {
    tokenizer: 'unigram-t5',
    edit: (tokenizer) => ({ ...tokenizer, normalizer: { type: 'NFC' } }),
    config: { ...T5, tie_word_embeddings: true, feed_forward_proj: 'relu' },
  },
  'gated t5': {
    tokenizer: 'unigram-t5',
    edit: (tokenizer) => ({ ...tokenizer, normalizer: null }),
    config: { ...T5, tie_word_embeddings: false, feed_forward_proj: 'gated-gelu', num_decoder_layers: 3 },
  },
  umt5: {
    tokenizer: 'unigram-t5',
    edit: (tokenizer) => ({ ...tokenizer, normalizer: null }),
    config: {
      ...T5,
      model_type: 'umt5',
      architectures: ['UMT5ForConditionalGeneration'],
      tie_word_embeddings: false,
    },
  },
  gemma3: {
    tokenizer: 'byte-fallback-gemma',
    edit: complete,
    config: {
      model_type: 'gemma3_text',
      architectures: ['Gemma3ForCausalLM'],
      tie_word_embeddings: true,
      hidden_activation: 'gelu_pytorch_tanh',
      query_pre_attn_scalar: 16,
      sliding_window: 8,
      rope_local_base_freq: 10_000,
      layer_types: Array.from({ length: 6 }, local),
    },
  },
};

/** A model of a family with random weights and a tokenizer of the references. */
function modelOf({ tokenizer, edit, config }: Family, from: ReferenceFolder = reference): ModelFiles {
  const folder = `tokenizers/${tokenizer}`;
  const tokenizerConfig = from.json<Record<string, { content: string } | string | undefined>>(
    `${folder}/tokenizer_config.json`,
  );
  const cut = from.json<TokenizerJson>(`${folder}/tokenizer.json`);
  const end = tokenizerConfig['eos_token'];
  const text = typeof end === 'string' ? end : end?.content;
  const eos_token_id = cut.added_tokens.find(({ content }) => content === text)?.id;
  const model = tinyModel({ ...SIZES, ...config, eos_token_id });
  return { ...model, tokenizer: edit ? edit(cut) : cut, tokenizerConfig };
}

const exported = (model: ModelFiles, dtype: GgufDtype, trained?: Parameters<typeof ggufFiles>[2]) =>
  ggufFiles(model, { name: 'tiny', dtype, asking: ASKING }, trained);

describe.each(Object.entries(FAMILIES))('%s as GGUF', (_, family) => {
  const model = modelOf(family);

  test('is the same model when it is read again: config, tensors, tokens', async () => {
    const again = await opened(await exported(model, 'f32'));
    const configOf = ({ config }: ModelFiles): unknown => {
      // A file names no padding token, and llama.cpp adds known end tokens.
      return { ...familyOf(config).read(config).config, endIds: [], padId: 0 };
    };
    expect(configOf(again)).toEqual(configOf(model));
    for (const name of model.tensors.keys()) {
      const [found, wanted] = [await again.readTensor(name), await model.readTensor(name)];
      expect(found.every((value, i) => value === wanted[i]) && found.length === wanted.length, name).toBe(true);
    }
    const [mine, theirs] = [await readTexts(again, ASKING), await readTexts(model, ASKING)];
    expect(mine.endIds).toEqual(expect.arrayContaining([...theirs.endIds]));
    for (const { text } of reference.json<{ items: { text: string }[] }>('tokenizers/golden.json').items) {
      // llama.cpp does not compose characters.
      if (family.tokenizer === 'unigram-t5' && text !== text.normalize('NFC')) continue;
      expect(mine.tokenizer.encodePrompt(text), JSON.stringify(text)).toEqual(theirs.tokenizer.encodePrompt(text));
    }
  });
});

describe('a model that llama.cpp would compute otherwise is refused by name:', () => {
  test.each<[string, keyof typeof FAMILIES, Record<string, unknown>, RegExp]>([
    ['another pattern of windows', 'gemma3', { layer_types: Array.from({ length: 6 }, () => 'full_attention') }, /6th/],
    ['another local base', 'gemma3', { rope_local_base_freq: 100 }, /base 10000/],
    ['another scale of attention', 'gemma3', { query_pre_attn_scalar: 20 }, /scaled otherwise/],
    ['positions in every layer', 'smollm3', { no_rope_layers: [1, 1, 1, 1, 1, 1] }, /no positions/],
    ['scaled frequencies', 'qwen2', { rope_scaling: LLAMA3 }, /frequency/],
    ['biases', 'qwen3', { attention_bias: true }, /biases/],
  ])('%s', async (_, name, more, reported) => {
    const { tokenizer, config } = FAMILIES[name];
    await expect(exported(modelOf({ tokenizer, config: { ...config, ...more } }), 'f32')).rejects.toMatchObject({
      code: 'model/no-gguf',
      message: expect.stringMatching(reported) as string,
    });
  });

  test('a decoder-only family that has not been compared with llama.cpp', () => {
    const config = readDecoderConfig({ ...SIZES, ...FAMILIES['llama'].config });
    expect(() => decoderForm('new', config)).toThrow(
      expect.objectContaining({ code: 'model/no-gguf', message: expect.stringContaining('family new') as string }),
    );
  });

  test.each([
    ['another distance of positions', { relative_attention_max_distance: 64 }, /distance of 64/],
    ['another activation', { feed_forward_proj: 'gated-silu' }, /silu/],
  ])('T5 with %s', async (_, more, reported) => {
    const { config, ...family } = FAMILIES['t5'];
    await expect(exported(modelOf({ ...family, config: { ...config, ...more } }), 'f32')).rejects.toMatchObject({
      code: 'model/no-gguf',
      message: expect.stringMatching(reported) as string,
    });
  });

  test.each([['merges that llama.cpp would not follow', 'byte-fallback-llama2', /would join|no token/]])(
    'a tokenizer with %s',
    async (_, tokenizer, reported) => {
      await expect(exported(modelOf({ ...FAMILIES['llama'], tokenizer }), 'f32')).rejects.toMatchObject({
        code: 'text/no-gguf',
        message: expect.stringMatching(reported) as string,
      });
    },
  );

  test.each<[string, (model: UnigramModel) => void, RegExp]>([
    ['a token that spans words', ({ vocab }) => vocab.push(['▁a▁b', -5]), /spans words/],
    [
      'no token for a space',
      ({ vocab }) =>
        vocab.splice(
          vocab.findIndex(([token]) => token === '▁'),
          1,
          ['#', -9],
        ),
      /for a space/,
    ],
  ])('a Unigram model with %s', async (_, change, reported) => {
    const model = modelOf(FAMILIES['t5']);
    const tokenizer = structuredClone(model.tokenizer) as { model: UnigramModel };
    change(tokenizer.model);
    await expect(exported({ ...model, tokenizer }, 'f32')).rejects.toMatchObject({
      code: 'text/no-gguf',
      message: expect.stringMatching(reported) as string,
    });
  });

  test('bytes as tokens, and bytes in a Unigram model', () => {
    const known = { config: { vocabSize: 512 } } as KnownModel;
    expect(() => tokenizerValues({ tokenizer: null }, known)).toThrow(/neither a byte-pair encoding nor/);
    const tokenizer = reference.json<object>('tokenizers/unigram-umt5/tokenizer.json');
    expect(() => tokenizerValues({ tokenizer }, known)).toThrow(/as bytes/);
  });

  test('a way to split texts that llama.cpp has no name for', async () => {
    const model = modelOf(FAMILIES['llama']);
    const tokenizer = { ...(model.tokenizer as object), normalizer: { type: 'Lowercase' } };
    await expect(exported({ ...model, tokenizer }, 'f32')).rejects.toMatchObject({ code: 'text/no-gguf' });
  });
});

test('every token is written, whatever its text', async () => {
  const model = modelOf(FAMILIES['llama']);
  const tokenizer = structuredClone(model.tokenizer) as TokenizerJson;
  const { vocab } = tokenizer.model;
  vocab['constructor'] = Object.keys(vocab).length + 5;
  const again = await opened(await exported({ ...model, tokenizer }, 'f32'));
  expect((again.tokenizer as TokenizerJson).model.vocab).toHaveProperty('constructor', vocab['constructor']);
});

test('an encoder–decoder model has no Modelfile, and no adapter', async () => {
  const model = modelOf(FAMILIES['t5']);
  expect((await exported(model, 'f16')).map(({ path }) => path)).toEqual(['tiny.gguf']);
  const changed = new Set(['encoder.block.0.layer.0.SelfAttention.q']);
  const attempt = ggufAdapterFiles(model, { name: 'x', base: 'y', asking: ASKING }, { ...TRAINED, changed });
  await expect(attempt).rejects.toMatchObject({ code: 'run/no-gguf-adapter' });
});

const Q = 'model.layers.0.self_attn.q_proj';
const A = Float32Array.from({ length: 2 * 32 }, (_, i) => Math.sin(i));
const B = Float32Array.from({ length: 64 * 2 }, (_, i) => Math.cos(i));
const TRAINED: { changed: ReadonlySet<string>; changes: WeightChanges } = {
  changed: new Set([Q]),
  changes: {
    scaling: 0.5,
    adapter: (layer) => Promise.resolve(layer === Q ? { A, B } : undefined),
    weights: () => Promise.resolve(undefined),
  },
};

describe('what training changed', () => {
  const model = modelOf(FAMILIES['llama']);

  test('is merged into the file, in its type', async () => {
    const [plain, merged] = [
      await opened(await exported(model, 'q8_0')),
      await opened(await exported(model, 'q8_0', TRAINED)),
    ];
    expect(plain.tensors.get(`${Q}.weight`)?.blocks).toBe('Q8_0');
    const [before, after] = [await plain.readTensor(`${Q}.weight`), await merged.readTensor(`${Q}.weight`)];
    const change = (row: number, column: number): number =>
      0.5 * (B[row * 2] * A[column] + B[row * 2 + 1] * A[32 + column]);
    for (const [row, column] of [
      [0, 0],
      [1, 5],
      [33, 31],
      [63, 7],
    ]) {
      const at = row * 32 + column;
      expect(Math.abs(after[at] - before[at] - change(row, column))).toBeLessThan(0.02);
    }
    const other = 'model.layers.0.self_attn.v_proj.weight';
    expect(await merged.readTensor(other)).toEqual(await plain.readTensor(other));
  });

  test('is written alone as an adapter, its rows in the order of llama.cpp', async () => {
    const name = 'tiny-adapter';
    const files = await ggufAdapterFiles(model, { name, base: 'base.gguf', asking: ASKING }, TRAINED);
    const bytes = await bytesOfFile(files[0]);
    const { tensors, metadata, dataStart } = await readGgufHeader({
      bytes: bytes.length,
      read: (begin, end) => Promise.resolve(bytes.slice(begin, end)),
    });
    const valuesOf = (tensor: string): Float32Array => {
      const { begin, end } = tensors.get(tensor) ?? expect.fail(tensor);
      return new Float32Array(bytes.slice(dataStart + begin, dataStart + end).buffer);
    };
    expect([metadata.text('general.type'), metadata.text('adapter.type')]).toEqual(['adapter', 'lora']);
    expect(metadata.number('adapter.lora.alpha')).toBe(1);
    expect(tensors.get('blk.0.attn_q.weight.lora_a')?.shape).toEqual([2, 32]);
    expect(valuesOf('blk.0.attn_q.weight.lora_a')).toEqual(A);
    // Rows 0 and 1 of a head in the file are row 0 of either half.
    const woven = valuesOf('blk.0.attn_q.weight.lora_b');
    expect([...woven.subarray(0, 6)]).toEqual([...B.subarray(0, 2), ...B.subarray(16, 18), ...B.subarray(2, 4)]);
    expect(await textOf(files, 'Modelfile')).toContain('FROM ./base.gguf\nADAPTER ./tiny-adapter.gguf\n');
  });

  test('is refused as an adapter if weights were trained themselves, naming the merged model', async () => {
    const changes = { ...TRAINED.changes, weights: () => Promise.resolve(new Float32Array(64 * 32)) };
    const attempt = ggufAdapterFiles(model, { name: 'x', base: 'y', asking: ASKING }, { ...TRAINED, changes });
    await expect(attempt).rejects.toMatchObject({
      code: 'run/no-gguf-adapter',
      nextStep: expect.stringContaining('merged model') as string,
    });
  });
});

describe('a model that came as GGUF', () => {
  test('keeps its metadata, and blocks of the wanted type', async () => {
    const model = modelOf(FAMILIES['llama 3']);
    const first = await opened(await exported(model, 'q8_0'));
    const again = await opened(await ggufFiles(first, { name: 'other', dtype: 'q8_0', asking: ASKING }));
    expect(again.gguf?.metadata.values).toEqual(first.gguf?.metadata.values);
    for (const [name, { blocks }] of first.tensors) {
      if (blocks === undefined) expect(await again.readTensor(name), name).toEqual(await first.readTensor(name));
      else expect(await again.readBlocks?.(name), name).toEqual(await first.readBlocks?.(name));
    }
  });
});
