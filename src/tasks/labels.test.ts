import { describe, expect, it } from 'vitest';
import { reportOf } from '../base/errors.ts';
import { byteTokenizer } from '../text/tokenizer-form.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { encodeLabels } from './labels.ts';

const bytes = byteTokenizer();
/** A tokenizer that knows ASCII letters only, and normalises text as many do. */
const small: Tokenizer = {
  ...bytes,
  encodeLabel: (text) =>
    Array.from(text.normalize('NFKC'), (letter) => bytes.encode(letter)).flatMap((ids) =>
      ids.length === 1 || /é/u.test(bytes.decode(ids)) ? ids : [2],
    ),
};

const refusal = (labels: string[], targetLength = 0, tokenizer = small): ReturnType<typeof reportOf> => {
  try {
    encodeLabels(tokenizer, { name: 'mine', labels }, targetLength);
  } catch (thrown) {
    return reportOf(thrown);
  }
  throw new Error('the labels were accepted');
};

describe('encodeLabels', () => {
  it('gives whole labels with their end, however long', () => {
    const labels = ['computer science theory of machines', 'computer science theory of languages'];
    const encoded = encodeLabels(small, { name: 'mine', labels }, 0);
    expect(encoded.map((ids) => small.decode(ids))).toEqual(labels);
    expect(encoded.every((ids) => ids.at(-1) === small.eosId)).toBe(true);
    expect(encodeLabels(small, { name: 'mine', labels }, 37)).toEqual(encoded);
  });

  it('refuses a label that is longer than an answer, and names the length it needs', () => {
    const { code, message, nextStep } = refusal(['yes', 'quite so'], 8);
    expect(code).toBe('tasks/label-too-long');
    expect(message).toContain('Task mine: the label “quite so” takes 9 tokens');
    expect(nextStep).toContain('(training.targetLength) to 9 or more');
    expect(refusal(['yes', 'x'.repeat(1e6)])).toMatchObject({
      code: 'tasks/label-too-long',
      nextStep: expect.stringContaining('Shorten') as string,
    });
  });

  it.each([
    ['unknown letters', ['猫', '犬'], '“猫” and “犬” as the same tokens, “<unk>”'],
    ['one letter in two forms', ['caf\u00e9', 'cafe\u0301'], '“café” and “cafe\\u{301}” as the same tokens'],
  ])('refuses labels that have the same tokens: %s', (_, labels, words) => {
    const { code, message, nextStep } = refusal(labels);
    expect(code).toBe('tasks/labels-alike');
    expect(message).toContain(words);
    expect(nextStep).toContain('another tokenizer');
  });

  it('refuses labels that the comparison of answers takes for equal', () => {
    expect(refusal(['yes', 'Yes!'])).toMatchObject({ code: 'tasks/labels-alike' });
    expect(refusal(['yes', '?!'])).toMatchObject({ code: 'tasks/labels-alike' });
  });

  it.each([
    ['an unknown letter', 'na猫ve', 'writes “nave” instead'],
    ['a form that the tokenizer changes', 'cafe\u0301', '“cafe\\u{301}”, but writes “café” instead'],
    ['a special token', 'no</s>', 'writes “no” instead'],
  ])('refuses a label that no answer could equal: %s', (_, label, words) => {
    const { code, message } = refusal(['yes', label], 0, label.includes('<') ? bytes : small);
    expect(code).toBe('tasks/label-unwritable');
    expect(message).toContain(words);
  });
});
