import { describe, expect, test } from 'vitest';
import { referencesWith, tokenizersOf } from '../testing/reference.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { encodeBeginning, encodeLong } from './long-text.ts';

const TOKENIZERS = referencesWith('tokenizers/golden.json').flatMap((reference) =>
  tokenizersOf(reference).map((one) => ({ ...one, reference })),
);
const many = (count: number, textOf: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => textOf(i)).join('');
const TEXTS = {
  lines: many(700, (i) => `Line ${i * 7919} of it, “quoted” …\n${i % 3 === 0 ? '\n  ' : ''}`),
  words: many(5000, (i) => `word${(i * 7919) % 1000} `),
  'no spaces': many(20_000, (i) => String.fromCharCode(97 + ((i * i * 31 + i * 7) % 26))),
  'characters of two units': many(3000, (i) => `${i % 9 === 0 ? '\r\n' : ''}😀 é`),
};
const at = (): Promise<void> => Promise.resolve();

describe.each(TOKENIZERS)('with $name of $reference.name', ({ folder, form, hasBytes, reference }) => {
  const json = (file: string): unknown => reference.json(`${folder}/${file}.json`);
  const tokenizer = loadTokenizer(hasBytes ? null : json('tokenizer'), json('tokenizer_config'), form);

  test.each(Object.entries(TEXTS))('a long text of %s has the tokens of the whole', async (_, text) => {
    const longest = { read: 0 };
    const encode = (part: string): number[] => {
      longest.read = Math.max(longest.read, part.length);
      return tokenizer.encode(part);
    };
    expect(await encodeLong({ encode }, text, at)).toEqual(tokenizer.encode(text));
    expect(longest.read).toBeLessThan(10_000);
  });

  test('short texts and none are as they are', async () => {
    for (const text of ['', ' ', 'Is it so?\n'])
      expect(await encodeLong(tokenizer, text, at)).toEqual(tokenizer.encode(text));
  });

  test('only the beginning of a long answer is read', () => {
    const encodeLabel = (part: string): number[] => {
      expect(part.length).toBeLessThan(20_000);
      return tokenizer.encodeLabel(part);
    };
    const found = encodeBeginning({ encodeLabel }, TEXTS.lines.repeat(50), 8).slice(0, 8);
    expect(found).toEqual(tokenizer.encodeLabel(TEXTS.lines.slice(0, 400)).slice(0, 8));
  });
});

test('work between the parts of a text can stop it', async () => {
  let parts = 0;
  const stop = new Error('stopped');
  const encode = (text: string): number[] => Array.from(text, () => 1);
  const breathe = (): Promise<void> => (++parts === 3 ? Promise.reject(stop) : Promise.resolve());
  await expect(encodeLong({ encode }, TEXTS.words, breathe)).rejects.toBe(stop);
});
