import { describe, expect, it } from 'vitest';
import {
  readTokenizerJson,
  type TokenizerJson as TokenizerOf,
  unigramValues,
  vocabularyOf,
} from '../gguf/tokenizer-values.ts';
import { referencesWith, tokenizersOf } from '../testing/reference.ts';
import { BYTE_LETTERS } from '../text/parts/fault.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { GgufTokenizer } from '../weights/gguf/tokenizer.ts';
import { GgufMetadata, type GgufValue } from '../weights/gguf/values.ts';
import { whitespaceMap } from '../weights/gguf/tokens.ts';

type TextIds = { text: string } & Record<string, number[]>;
interface Golden {
  items: TextIds[];
  labels: TextIds[];
}
interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean }[];
  model: { type: string; unk_token?: string; unk_id?: number } & (
    | { type: 'BPE'; vocab: Record<string, number>; merges: (string | [string, string])[] }
    | { type: 'Unigram'; vocab: [string, number][] }
  );
  normalizer: { type: string; precompiled_charsmap?: string } | null;
  post_processor: { type: string; single?: { SpecialToken?: { id: string } }[] } | null;
}
type TokenizerConfig = Record<'bos_token' | 'eos_token' | 'unk_token' | 'pad_token', string | null | undefined>;

const GOLDEN = 'tokenizers/golden.json';
/** The names that llama.cpp's converter gives these tokenizers. */
const PRE: Readonly<Record<string, string>> = {
  'byte-level-qwen': 'qwen2',
  'byte-level-smollm2': 'smollm',
  'byte-level-llama3': 'llama-bpe',
};

const strings = (items: string[]): GgufValue => ({ type: 'array', of: 'string', items });
const text = (value: string): GgufValue => ({ type: 'string', value });
const whole = (value: number): GgufValue => ({ type: 'uint32', value });
const flag = (value: boolean): GgufValue => ({ type: 'bool', value });

/** The metadata that llama.cpp's converter writes for a tokenizer of the hub. */
function metadataOf(name: string, json: TokenizerJson, config: TokenizerConfig): Map<string, GgufValue> {
  const { model, added_tokens: added } = json;
  const tokens: string[] = [];
  const scores: number[] = [];
  if (model.type === 'Unigram') {
    for (const [piece, score] of model.vocab) {
      tokens.push(piece);
      scores.push(score);
    }
  } else for (const [piece, id] of Object.entries(model.vocab)) tokens[id] = piece;
  for (const { id, content } of added) tokens[id] = content;
  const types: number[] = tokens.map((token) => (/^<0x[0-9A-F]{2}>$/.test(token) ? 6 : 1));
  for (const { id, content, special } of added) types[id] = content === config.unk_token ? 2 : special ? 3 : 4;
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const values = new Map<string, GgufValue>();
  const set = (key: string, value: GgufValue): void => void values.set(`tokenizer.ggml.${key}`, value);
  set('tokens', strings(tokens));
  set('token_type', { type: 'array', of: 'int32', items: Int32Array.from(types) });
  for (const [key, token] of [
    ['bos', config.bos_token],
    ['eos', config.eos_token],
    ['unknown', config.unk_token],
    ['padding', config.pad_token],
  ] as const) {
    const id = ids.get(token ?? '');
    if (id !== undefined) set(`${key}_token_id`, whole(id));
  }
  const front = json.post_processor?.single?.at(0)?.SpecialToken;
  set('add_bos_token', flag(front !== undefined && model.type === 'BPE'));
  if (model.type === 'Unigram') {
    set('model', text('t5'));
    set('scores', { type: 'array', of: 'float32', items: Float32Array.from(scores) });
    const map = json.normalizer?.precompiled_charsmap;
    const items = map === undefined ? whitespaceMap() : Uint8Array.from(atob(map), (c) => c.charCodeAt(0));
    set('precompiled_charsmap', { type: 'array', of: 'uint8', items });
    return values;
  }
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  if (name in PRE) {
    set('model', text('gpt2'));
    set('pre', text(PRE[name]));
    set('merges', strings(merges));
    return values;
  }
  // SentencePiece has no merges: the score of a piece is minus the place of the merge that makes it.
  const places = new Map(merges.map((merge, i) => [merge.replace(' ', ''), -i]));
  set('model', text('llama'));
  set('scores', {
    type: 'array',
    of: 'float32',
    items: Float32Array.from(tokens, (token) => places.get(token) ?? -1e6),
  });
  if (name === 'byte-fallback-gemma') set('add_space_prefix', flag(false));
  return values;
}

/** The small Unigram tokenizers normalise by NFKC alone, which a GGUF file cannot say: it holds a table instead. */
const isPlainNfkc = ({ model, normalizer }: TokenizerJson): boolean =>
  model.type === 'Unigram' && normalizer?.type === 'NFKC';

const TOKENIZERS = referencesWith(GOLDEN)
  .flatMap((reference) => tokenizersOf(reference).map((tokenizer) => ({ ...tokenizer, reference })))
  .filter(({ hasBytes }) => !hasBytes);

describe.each(TOKENIZERS)('the metadata of $name of $reference.name', ({ name, folder, form, reference }) => {
  it('give the ids of the tokenizers library', () => {
    const [json, config] = ['tokenizer', 'tokenizer_config'].map((file) => reference.json(`${folder}/${file}.json`));
    const metadata = metadataOf(name, json as TokenizerJson, config as TokenizerConfig);
    const files = new GgufTokenizer(new GgufMetadata(metadata)).files();
    const { normalizer } = json as TokenizerJson;
    const read = isPlainNfkc(json as TokenizerJson) ? { ...files.tokenizer, normalizer } : files.tokenizer;
    const tokenizer = loadTokenizer(read, files.tokenizerConfig, form);
    const golden = reference.json<Golden>(GOLDEN);
    expect(golden.items.length).toBeGreaterThan(0);
    for (const one of [...golden.items, ...golden.labels]) {
      expect(tokenizer.encodePrompt(one.text), JSON.stringify(one.text)).toEqual(one[name]);
    }
  });
});

const PARTS = 'golden/tokenizer_parts.json';
interface Parts {
  texts: string[];
  charsmap: { precompiled_charsmap: string; pieces: [string, number][]; ids: number[][] };
}

describe.each(referencesWith(PARTS))('a Unigram vocabulary with a charsmap, as in $name', (reference) => {
  const { texts, charsmap } = reference.json<Parts>(PARTS);
  const special = charsmap.pieces.slice(0, 3).map(([content], id) => ({ id, content, special: true }));
  const [pad_token, eos_token, unk_token] = special.map(({ content }) => content);
  const metadata = metadataOf(
    '',
    {
      added_tokens: special,
      model: { type: 'Unigram', vocab: charsmap.pieces },
      normalizer: { type: 'Precompiled', precompiled_charsmap: charsmap.precompiled_charsmap },
      post_processor: null,
    },
    { pad_token, eos_token, unk_token, bos_token: null },
  );
  const files = new GgufTokenizer(new GgufMetadata(metadata)).files();

  it('gives the ids of SentencePiece', () => {
    const tokenizer = loadTokenizer(files.tokenizer, files.tokenizerConfig);
    // Here a text that writes a special token has it, and ▁ is no space.
    const plain = texts
      .map((text, i) => ({ text, ids: charsmap.ids[i] }))
      .filter(({ text }) => !/▁|<(s|pad|unk|\/s)>/.test(text));
    expect(plain.length).toBeGreaterThan(50);
    for (const { text, ids } of plain) expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
  });

  it('is written as it was read', () => {
    const json = readTokenizerJson(files.tokenizer) as TokenizerOf<'Unigram'>;
    const written = unigramValues(json, vocabularyOf(json, charsmap.pieces.length));
    for (const name of ['scores', 'precompiled_charsmap', 'add_space_prefix', 'remove_extra_whitespaces']) {
      const before = metadata.get(`tokenizer.ggml.${name}`);
      if (before !== undefined) expect(written[name], name).toEqual(before);
    }
    const plain = { ...json, normalizer: null };
    expect(unigramValues(plain, vocabularyOf(json, charsmap.pieces.length))['precompiled_charsmap']).toMatchObject({
      items: new Uint8Array(),
    });
  });
});

describe('GgufTokenizer', () => {
  const letters = BYTE_LETTERS;
  const base = (): Map<string, GgufValue> =>
    new Map([
      ['tokenizer.ggml.model', text('gpt2')],
      ['tokenizer.ggml.pre', text('gpt-2')],
      ['tokenizer.ggml.tokens', strings(['<|endoftext|>', '<|im_end|>', ...letters, 'ab', 'aab'])],
      ['tokenizer.ggml.token_type', { type: 'array', of: 'int32', items: [3, 3, ...new Array<number>(258).fill(1)] }],
      ['tokenizer.ggml.merges', strings(['a b', 'a ab'])],
      ['tokenizer.ggml.eos_token_id', whole(0)],
      ['tokenizer.chat_template', text('{{ messages }}')],
    ]);
  const read = (change: (values: Map<string, GgufValue>) => void = () => undefined) => {
    const values = base();
    change(values);
    const found = new GgufTokenizer(new GgufMetadata(values));
    return { ...found.files(), special: found.special };
  };

  it('reads added tokens, all tokens that end an answer, and the chat template', () => {
    const { tokenizer, tokenizerConfig, special } = read();
    expect(loadTokenizer(tokenizer, tokenizerConfig).encode('aab<|im_end|>')).toEqual([259, 1]);
    expect(special).toMatchObject({ eos_token_id: 0, bos_token_id: null, endIds: [0, 1] });
    expect(tokenizerConfig).toMatchObject({ eos_token: '<|endoftext|>', chat_template: '{{ messages }}' });
  });

  it.each<[string, (values: Map<string, GgufValue>) => void, RegExp]>([
    [
      'an unknown kind',
      (v) => v.set('tokenizer.ggml.model', text('rwkv')),
      /is rwkv; these kinds are read: gpt2, llama, t5/,
    ],
    ['no tokens', (v) => v.delete('tokenizer.ggml.tokens'), /tokens is missing/],
    ['a token twice', (v) => v.set('tokenizer.ggml.tokens', strings(['a', 'a'])), /has a token twice/],
    ['tokens that are numbers', (v) => v.set('tokenizer.ggml.tokens', whole(3)), /is not a list of strings/],
    [
      'types for fewer tokens',
      (v) => v.set('tokenizer.ggml.token_type', { type: 'array', of: 'int32', items: [1] }),
      /has 1 entries for 260 tokens/,
    ],
    [
      'an end token outside',
      (v) => v.set('tokenizer.ggml.eos_token_id', whole(260)),
      /is 260, but there are 260 tokens/,
    ],
    ['no end token', (v) => v.delete('tokenizer.ggml.eos_token_id'), /no token ends a text/],
    ['no name for how texts are split', (v) => v.delete('tokenizer.ggml.pre'), /nothing says how texts are split/],
    [
      'an unknown way to split texts',
      (v) => v.set('tokenizer.ggml.pre', text('viking')),
      /is viking, which is not read/,
    ],
    [
      'merges of no tokens',
      (v) => v.set('tokenizer.ggml.merges', strings(['a b', 'b c'])),
      /"b c", which does not join two tokens/,
    ],
    [
      'a merge of one token',
      (v) => v.set('tokenizer.ggml.merges', strings(['ab'])),
      /"ab", which does not join two tokens/,
    ],
    ['no merges', (v) => v.delete('tokenizer.ggml.merges'), /merges is missing/],
    [
      'a text that begins with no token',
      (v) => v.set('tokenizer.ggml.add_bos_token', flag(true)),
      /bos_token_id is missing/,
    ],
    [
      'a field that is not understood',
      (v) => v.set('tokenizer.ggml.lowercase', flag(true)),
      /lowercase is a field that is not understood/,
    ],
    [
      'scores that are no numbers',
      (v) => {
        v.set('tokenizer.ggml.model', text('llama'));
        v.set('tokenizer.ggml.scores', { type: 'array', of: 'float32', items: new Float32Array(260).fill(NaN) });
      },
      /scores has NaN for token 0/,
    ],
    [
      'tokens whose halves would be looked for too long',
      (v) => {
        const tokens = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(3000, 'a'));
        v.set('tokenizer.ggml.model', text('llama'));
        v.set('tokenizer.ggml.tokens', strings(tokens));
        v.delete('tokenizer.ggml.token_type');
        v.set('tokenizer.ggml.scores', { type: 'array', of: 'float32', items: new Float32Array(300) });
      },
      /tokens has tokens that are too long/,
    ],
  ])('refuses %s', (_, change, message) => {
    expect(() => read(change)).toThrow(message);
    expect(() => read(change)).toThrow(expect.objectContaining({ code: 'weights/gguf-metadata' }) as Error);
  });
});
