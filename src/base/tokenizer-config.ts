import { GorpError } from './errors.ts';

/** The entries of `tokenizer_config.json` that matter besides special tokens. */

/** A field of a parsed JSON object; undefined for anything else. */
const fieldOf = (json: unknown, name: string): unknown =>
  typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[name] : undefined;

/** Whether it belongs to a model whose tokens are bytes, such as ByT5: it has no tokenizer.json. */
export const hasByteTokens = (tokenizerConfig: unknown): boolean =>
  fieldOf(tokenizerConfig, 'tokenizer_class') === 'ByT5Tokenizer';

const CLEAN = 'clean_up_tokenization_spaces';
const CLEAN_ANYWAY = `${CLEAN}_for_bpe_even_though_it_will_corrupt_output`;

/**
 * Whether spaces before punctuation and contractions are left out when tokens become text: only if the file says so, and
 * of a byte-pair encoding only if it insists, since transformers 5 does not believe `true` there. Files have said `true`
 * by default for years, also for models that write such spaces.
 */
export function cleansSpaces(tokenizerConfig: unknown, tokenizer: unknown): boolean {
  if (fieldOf(tokenizerConfig, CLEAN) !== true) return false;
  return fieldOf(fieldOf(tokenizer, 'model'), 'type') !== 'BPE' || fieldOf(tokenizerConfig, CLEAN_ANYWAY) === true;
}

/**
 * A model's tokenizer_config.json that says whether it {@link cleansSpaces}, so that every program decodes alike: the
 * default was true in transformers up to 4.44, which config.json names if it wrote the model, and is true in
 * transformers.js.
 */
export function statingSpaces(texts: Readonly<Record<'config' | 'tokenizer' | 'tokenizerConfig', unknown>>): unknown {
  const { config, tokenizer, tokenizerConfig } = texts;
  if (typeof tokenizerConfig !== 'object' || tokenizerConfig === null) return tokenizerConfig; // to be refused
  const isTrue = fieldOf(tokenizerConfig, CLEAN) ?? isBefore445(fieldOf(config, 'transformers_version'));
  const stated = { ...tokenizerConfig, [CLEAN]: isTrue };
  return { ...stated, [CLEAN]: cleansSpaces(stated, tokenizer) };
}

/** @param version as in `transformers_version`: 4.44.2, 4.45.0.dev0. */
function isBefore445(version: unknown): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(typeof version === 'string' ? version : '') ?? [];
  return Number(major) < 4 || (Number(major) === 4 && Number(minor) < 45);
}

/**
 * Runs a tokenizer on one text, and stops it if it takes too long: `tokenizer.json` is not trusted, and a regular
 * expression in it can run for ever. Node can stop it within a thread. A browser cannot, so the page ends the worker
 * (src/app/watched-session.ts).
 */
export type TokenizerGuard = <T>(work: () => T) => T;

/** @param model as the settings name it. */
export const tokenizerTooSlow = (model: string, seconds: number): GorpError =>
  new GorpError(
    'text/tokenizer-too-slow',
    `The tokenizer of ${model} takes more than ${seconds} seconds for one text: a regular expression in its tokenizer.json runs too long.`,
    "Use the tokenizer.json that was published with the model's weights, or another model.",
  );
