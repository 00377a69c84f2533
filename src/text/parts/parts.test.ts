import { describe, expect, it } from 'vitest';
import { referencesWith } from '../../testing/reference.ts';
import { loadTokenizer } from '../tokenizer.ts';
import { decoderOf } from './decoder.ts';
import { Charsmap, normalizerOf } from './normalizer.ts';
import { MOST_WORDS, preTokenizerOf, remembering } from './pre-tokenizer.ts';

const GOLDEN = 'golden/tokenizer_parts.json';

interface Golden {
  texts: string[];
  normalizers: { part: object; texts: string[] }[];
  pre_tokenizers: { part: object; pieces: string[][] }[];
  tokens: string[][];
  decoders: { part: object; texts: string[] }[];
  charsmap: { precompiled_charsmap: string; tokenizers: string[]; sentencepiece: string[] };
  wholes: {
    tokenizer: object;
    config: object;
    texts: string[];
    ids: number[][];
    decoded: string[];
    whole: string[];
  }[];
  bytes: { texts: string[]; ids: number[][]; answers: number[][]; decoded: string[] };
}

describe.each(referencesWith(GOLDEN))('the parts of a tokenizer, as in $name', (reference) => {
  const golden = reference.json<Golden>(GOLDEN);
  const { texts, tokens, charsmap, wholes, bytes } = golden;
  const named = <T extends { part: object }>(parts: readonly T[]): (T & { name: string })[] =>
    parts.map((one) => ({ ...one, name: JSON.stringify(one.part).slice(0, 120) }));

  it.each(named(golden.normalizers))('$name normalises', ({ part, texts: wanted }) => {
    expect(texts.map(normalizerOf(part, 'byCluster'))).toEqual(wanted);
  });

  it.each(named(golden.pre_tokenizers))('$name splits', ({ part, pieces }) => {
    const split = preTokenizerOf(part);
    expect(texts.map((text) => split({ text, isFirst: true }).map((piece) => piece.text))).toEqual(pieces);
  });

  it.each(named(golden.decoders))('$name decodes', ({ part, texts: wanted }) => {
    expect(tokens.map(decoderOf(part))).toEqual(wanted);
  });

  it('applies a charsmap as the tokenizers library, and as SentencePiece', () => {
    const part = { type: 'Precompiled', precompiled_charsmap: charsmap.precompiled_charsmap };
    expect(texts.map(normalizerOf(part, 'byCluster'))).toEqual(charsmap.tokenizers);
    const longest = texts.map(normalizerOf(part, 'longest'));
    expect(longest.map((text) => text.replaceAll(' ', '▁'))).toEqual(charsmap.sentencepiece);
    expect(longest).not.toEqual(charsmap.tokenizers);
  });

  it.each(wholes.map((whole, i) => ({ ...whole, i })))(
    'tokenizer $i with $config reads and writes',
    ({ tokenizer: json, config, texts, ids, decoded, whole }) => {
      const tokenizer = loadTokenizer(json, config, 'begun');
      expect(texts.map((text) => tokenizer.encode(text))).toEqual(ids);
      expect(ids.map((one) => tokenizer.decode(one))).toEqual(decoded);
      expect(ids.map((one) => tokenizer.decodeWhole(one))).toEqual(whole);
    },
  );

  it('reads and writes bytes', () => {
    const tokenizer = loadTokenizer(null, { tokenizer_class: 'ByT5Tokenizer' });
    expect(bytes.texts.map((text) => tokenizer.encode(text))).toEqual(bytes.ids);
    expect(bytes.answers.map((ids) => tokenizer.decode(ids))).toEqual(bytes.decoded);
  });
});

it('applies a charsmap that goes in a circle in little time', () => {
  const units = new Uint32Array(256);
  units[97] = (97 << 10) | 97; // an a leads to where another a is found
  const bytes = new Uint8Array(1030);
  bytes.set([0, 4], 0);
  bytes.set(new Uint8Array(units.buffer), 4);
  const text = 'a'.repeat(200_000);
  expect(Charsmap.read(bytes)?.longest(text)).toBe(text);
});

it('looks for the tokens of a word once, until too many words are known; for those of a long one always', () => {
  const looked: string[] = [];
  const encode = remembering((word) => {
    looked.push(word);
    return [...word].map(Number);
  });
  const long = '7'.repeat(100);
  expect(['12', '3', '12', long, long].map(encode)).toEqual([
    [1, 2],
    [3],
    [1, 2],
    [...long].map(Number),
    [...long].map(Number),
  ]);
  expect(looked).toEqual(['12', '3', long, long]);

  for (let i = 0; i < MOST_WORDS; i++) encode(`${1000 + i}`);
  looked.length = 0;
  expect(['12', `${999 + MOST_WORDS}`].map(encode)).toEqual([[1, 2], [...`${999 + MOST_WORDS}`].map(Number)]);
  expect(looked).toEqual(['12']);
});
