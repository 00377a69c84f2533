import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';

/**
 * How a model family marks a prompt: closed by the end-of-text token (T5), or begun by the one token that begins a text,
 * where the tokenizer has one (decoder-only models; docs/method.md, section 5).
 */
export type PromptForm = 'closed' | 'begun';

/** Text to token ids and back, as the Hugging Face files of a model say. */
export interface Tokenizer {
  /** Token ids of a text, without special tokens in front or behind. A special token written out becomes that token. */
  encode(text: string): number[];
  /** Token ids of a whole prompt, with the special token that its {@link PromptForm} asks for. */
  encodePrompt(text: string): number[];
  /** Text of token ids; special tokens and ids without an entry are left out. */
  decode(ids: readonly number[]): string;
  readonly eosId: number;
  /** Fills up rows of a batch. Where the files name no padding token, as LLaMA's, it is the one that begins a text. */
  readonly padId: number;
  /** Begins a text (LLaMA); null where the model has no such token (T5). */
  readonly bosId: number | null;
  /** Stands for what the vocabulary lacks; null where nothing can be lacking. */
  readonly unkId: number | null;
  /** Number of entries, added tokens included: the highest id + 1. */
  readonly size: number;
}

const idSchema = v.pipe(v.number(), v.integer(), v.minValue(0));
// What the library takes on trust and would answer to with wrong ids or an endless loop.
const TokenizerJsonSchema = v.looseObject({
  added_tokens: v.array(v.looseObject({ id: idSchema, content: v.pipe(v.string(), v.minLength(1)) })),
  model: v.variant('type', [
    v.looseObject({
      type: v.literal('Unigram'),
      vocab: v.pipe(v.array(v.tuple([v.string(), v.pipe(v.number(), v.finite())])), v.minLength(1)),
      unk_id: idSchema,
    }),
    v.looseObject({
      type: v.literal('BPE'),
      vocab: v.record(v.string(), idSchema),
      merges: v.array(v.union([v.string(), v.tuple([v.string(), v.string()])])),
    }),
  ]),
});
const specialToken = v.nullish(v.union([v.string(), v.looseObject({ content: v.string() })]));
const TokenizerConfigSchema = v.looseObject({
  eos_token: specialToken,
  pad_token: specialToken,
  bos_token: specialToken,
  unk_token: specialToken,
});

/**
 * Reads a tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json` of a model. Special tokens that the
 * configuration does not name are those of Hugging Face's T5 and LLaMA classes: `</s>`, `<pad>`, `<s>`, `<unk>`.
 *
 * @throws GorpError `text/bad-tokenizer` when the files are malformed or lack an end-of-text token.
 */
export function loadTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  promptForm: PromptForm = 'closed',
): Tokenizer {
  const json = checked(TokenizerJsonSchema, tokenizerJson, 'tokenizer.json');
  const config = checked(TokenizerConfigSchema, tokenizerConfig, 'tokenizer_config.json');
  let library: HuggingFaceTokenizer;
  try {
    // The input itself, which the schema has shown to be an object: valibot's copy of a record lacks a key "constructor".
    library = new HuggingFaceTokenizer(withUnicodeSpaces(tokenizerJson as PreTokenized), config);
  } catch (error) {
    throw badTokenizer(`tokenizer.json: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (json.model.type === 'Unigram' && json.model.unk_id >= json.model.vocab.length) {
    throw badTokenizer(`tokenizer.json: unk_id ${json.model.unk_id} is outside its ${json.model.vocab.length} entries`);
  }
  const idOf = (named: v.InferOutput<typeof specialToken>, otherwise: string): number | null => {
    const token = typeof named === 'string' ? named : (named?.content ?? otherwise);
    return library.token_to_id(token) ?? null;
  };
  const eosId = idOf(config.eos_token, '</s>');
  if (eosId === null) throw badTokenizer('the vocabulary has no end-of-text token');
  const bosId = idOf(config.bos_token, '<s>');
  const encode = (text: string): number[] => library.encode(text, { add_special_tokens: false }).ids;
  const front = promptForm === 'begun' && bosId !== null ? [bosId] : [];
  const behind = promptForm === 'closed' ? [eosId] : [];
  return {
    encode,
    encodePrompt: (text) => [...front, ...encode(text), ...behind],
    decode: (ids) => decodeIds(library, ids),
    eosId,
    padId: idOf(config.pad_token, '<pad>') ?? bosId ?? eosId,
    bosId,
    unkId: idOf(config.unk_token, '<unk>'),
    size: library.model?.vocab.length ?? 0,
  };
}

interface PreTokenized {
  pre_tokenizer?: PreTokenizer | null;
}
interface PreTokenizer {
  type: string;
  pretokenizers?: PreTokenizer[] | undefined;
}

/**
 * The same tokenizer with words split where Unicode has white space. The library splits at JavaScript's `\s`, Hugging
 * Face's own tokenizers at Unicode's property: they differ in U+0085 (next line) and U+FEFF (byte order mark).
 */
function withUnicodeSpaces(json: PreTokenized): object {
  const replaced = (one: PreTokenizer): PreTokenizer => {
    if (one.type === 'Sequence') return { ...one, pretokenizers: one.pretokenizers?.map(replaced) };
    const split = { type: 'Split', pattern: { Regex: '\\p{White_Space}+' }, behavior: 'Removed', invert: false };
    return one.type === 'WhitespaceSplit' ? split : one;
  };
  return json.pre_tokenizer ? { ...json, pre_tokenizer: replaced(json.pre_tokenizer) } : json;
}

/**
 * Checks that a model's embedding has a row for every token. More rows than tokens are fine: the published T5 models
 * have 32,128 rows for 32,100 tokens.
 *
 * @param rows rows of the embedding matrix (`vocab_size`).
 * @throws GorpError `text/bad-tokenizer`.
 */
export function checkVocabulary(tokenizer: Tokenizer, rows: number): void {
  if (tokenizer.size > rows) {
    throw badTokenizer(`it has ${tokenizer.size} tokens, but the model has embeddings for ${rows}`);
  }
}

function decodeIds(library: HuggingFaceTokenizer, ids: readonly number[]): string {
  const known = ids.filter((id) => library.id_to_token(id) !== undefined);
  return known.length === 0 ? '' : library.decode(known, { skip_special_tokens: true });
}

function checked<S extends v.GenericSchema>(schema: S, input: unknown, file: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, input, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw badTokenizer(`${file}, ${v.getDotPath(issue) ?? '(root)'}: ${issue.message}`, { cause: parsed.issues });
}

function badTokenizer(what: string, options?: ErrorOptions): GorpError {
  return new GorpError(
    'text/bad-tokenizer',
    `The tokenizer cannot be used: ${what}.`,
    "Use the tokenizer.json and tokenizer_config.json that were published with the model's weights.",
    options,
  );
}
