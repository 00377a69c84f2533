/**
 * How byte-level vocabularies split a text before they merge bytes, by the name that a GGUF file gives it; each as the
 * tokenizer.json of the models with that name has it.
 */

/** What a tokenizer.json says besides vocabulary and merges. */
interface Splitting {
  readonly normalizer: object | null;
  readonly pre_tokenizer: object;
  /** Whether a piece that is a token is never built from merges. */
  readonly ignoreMerges: boolean;
  /** Whether a text begins with the token that begins texts, if the file does not say. */
  readonly addsBos: boolean;
}

const byteLevel = (use_regex: boolean): object => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex,
});
const sequence = (...pretokenizers: object[]): object => ({ type: 'Sequence', pretokenizers });
const by = (Regex: string): object =>
  sequence({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }, byteLevel(false));

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SPACES = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const words = (digits: string): string =>
  String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${SPACES}`;
const UPPER = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const LOWER = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const CASED = String.raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${SPACES}`;

const GPT2: Splitting = { normalizer: null, pre_tokenizer: byteLevel(true), ignoreMerges: false, addsBos: false };
const DIGITS: Splitting = {
  ...GPT2,
  pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
};
const LLAMA3: Splitting = {
  normalizer: null,
  pre_tokenizer: by(words(String.raw`\p{N}{1,3}`)),
  ignoreMerges: true,
  addsBos: true,
};
const QWEN2: Splitting = {
  normalizer: { type: 'NFC' },
  pre_tokenizer: by(words(String.raw`\p{N}`)),
  ignoreMerges: false,
  addsBos: false,
};
/** Mistral NeMo and later. */
const TEKKEN: Splitting = { normalizer: null, pre_tokenizer: by(CASED), ignoreMerges: true, addsBos: true };

/** By `tokenizer.ggml.pre`. */
export const SPLITTINGS: Readonly<Record<string, Splitting>> = {
  'gpt-2': GPT2,
  smollm: DIGITS,
  starcoder: DIGITS,
  'llama-bpe': LLAMA3,
  llama3: LLAMA3,
  'llama-v3': LLAMA3,
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  tekken: TEKKEN,
};
