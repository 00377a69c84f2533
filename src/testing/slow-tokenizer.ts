import { tinyModel } from './tiny-model.ts';

/** The tiny model's tokenizer.json with a regular expression that has 2ⁿ ways not to match n letters "a". */
export function slowTokenizer(): object {
  const json = tinyModel().tokenizer as { pre_tokenizer: object };
  const split = { type: 'Split', pattern: { Regex: '(a+)+!' }, behavior: 'Isolated', invert: false };
  return { ...json, pre_tokenizer: { type: 'Sequence', pretokenizers: [split, json.pre_tokenizer] } };
}
