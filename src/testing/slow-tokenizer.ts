import { tinyModel } from './tiny-model.ts';

/** The tiny model's tokenizer.json with a regular expression that fails on n letters "a" in 2ⁿ ways. */
export function slowTokenizer(): object {
  const json = tinyModel().tokenizer as { pre_tokenizer: object };
  const split = { type: 'Split', pattern: { Regex: '(a+)+!' }, behavior: 'Isolated', invert: false };
  return { ...json, pre_tokenizer: { type: 'Sequence', pretokenizers: [split, json.pre_tokenizer] } };
}
