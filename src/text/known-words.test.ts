import type { Tokenizer } from '@huggingface/tokenizers';
import { expect, test } from 'vitest';
import { MOST_WORDS, rememberWords } from './known-words.ts';

test('the pieces of a word are looked for once, until too many words are known; those of a long one always', () => {
  const looked: string[] = [];
  const encode = (words: string[]): string[] => {
    looked.push(...words);
    return words.flatMap((word) => [...word]);
  };
  const model = { encode } as unknown as NonNullable<Tokenizer['model']>;
  rememberWords(model);
  const long = 'x'.repeat(100);
  expect(model.encode(['ab', 'c', 'ab', long])).toEqual(['a', 'b', 'c', 'a', 'b', ...long]);
  expect(model.encode([long, 'c'])).toEqual([...long, 'c']);
  expect(looked).toEqual(['ab', 'c', long, long]);

  model.encode(Array.from({ length: MOST_WORDS }, (_, i) => `${i}`));
  looked.length = 0;
  expect(model.encode(['ab', `${MOST_WORDS - 1}`])).toEqual(['a', 'b', ...`${MOST_WORDS - 1}`]);
  expect(looked).toEqual(['ab']);
});
