import { expect, test } from 'vitest';
import { cleansSpaces, hasByteTokens, statingSpaces } from './tokenizer-config.ts';

const [unigram, bpe] = ['Unigram', 'BPE'].map((type) => ({ model: { type } }));
const ENTRY = 'clean_up_tokenization_spaces';
const stated = (tokenizer: unknown, entry: unknown, transformers_version?: unknown): unknown => {
  const tokenizerConfig = { eos_token: '</s>', ...(entry !== undefined && { [ENTRY]: entry }) };
  const said = statingSpaces({ config: { transformers_version }, tokenizer, tokenizerConfig });
  expect(said).toEqual({ ...tokenizerConfig, [ENTRY]: expect.any(Boolean) as boolean });
  return (said as Record<string, unknown>)[ENTRY];
};

test('spaces are cleaned up if the file says so', () => {
  for (const tokenizer of [unigram, null]) {
    expect(stated(tokenizer, true, '5.24.0')).toBe(true);
    expect(stated(tokenizer, false, '4.20.0')).toBe(false);
  }
});

test.each<[unknown, boolean]>([
  ['3.4.0', true],
  ['4.9.1', true],
  ['4.27.4', true],
  ['4.44.2', true],
  ['4.45.0.dev0', false],
  ['4.45.0', false],
  ['4.100.0', false],
  ['5.24.0', false],
  ['10.0.0', false],
  [undefined, false],
  [null, false],
  [4.3, false],
  ['today', false],
])('without an entry, files of transformers %s mean %s', (version, wanted) => {
  expect(stated(unigram, undefined, version)).toBe(wanted);
  expect(stated(unigram, null, version)).toBe(wanted);
  expect(stated(null, undefined, version)).toBe(wanted);
  expect(stated(bpe, undefined, version)).toBe(false);
});

test('a byte-pair encoding writes its spaces unless the file insists', () => {
  expect(stated(bpe, true, '4.40.0')).toBe(false);
  const insists = { [ENTRY]: true, [`${ENTRY}_for_bpe_even_though_it_will_corrupt_output`]: true };
  expect(cleansSpaces(insists, bpe)).toBe(true);
  expect(statingSpaces({ config: {}, tokenizer: bpe, tokenizerConfig: insists })).toEqual(insists);
});

test('a file without fields stays as it is', () => {
  expect(statingSpaces({ config: {}, tokenizer: bpe, tokenizerConfig: null })).toBe(null);
  expect(cleansSpaces('x', 3)).toBe(false);
  expect(hasByteTokens(null)).toBe(false);
});
