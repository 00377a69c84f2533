import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import * as v from 'valibot';
import { hasByteTokens } from '../base/byte-tokens.ts';
import { GorpError } from '../base/errors.ts';
import { isTooDeep, MAX_NESTING } from '../base/nesting.ts';
import type { TokenizerGuard } from '../base/tokenizer-guard.ts';
import { byteTokenizer } from './byte-tokenizer.ts';
import { rememberWords } from './known-words.ts';
import { checkPromptLength } from './prompt-length.ts';
import type { PromptMark, Tokenizer } from './tokenizer-form.ts';
import { addByteFallback } from './unigram-bytes.ts';

export type { Answered, PromptMark, Tokenizer } from './tokenizer-form.ts';

/** Highest token id, far above any vocabulary: larger ids would need huge tables, or wrap in 32 bits. */
const MAX_ID = 2 ** 24 - 1;
const idSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_ID));
// Checks what the library does not: faults that would give wrong ids or an endless loop.
const TokenizerJsonSchema = v.looseObject({
  added_tokens: v.array(
    v.looseObject({ id: idSchema, content: v.pipe(v.string(), v.minLength(1)), special: v.optional(v.boolean()) }),
  ),
  model: v.variant('type', [
    v.looseObject({
      type: v.literal('Unigram'),
      vocab: v.pipe(v.array(v.tuple([v.string(), v.pipe(v.number(), v.finite())])), v.minLength(1)),
      unk_id: idSchema,
      byte_fallback: v.optional(v.boolean()),
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
  tokenizer_class: v.nullish(v.string()),
});

/**
 * Reads a tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json` of a model. If the configuration does
 * not name a special token, it is that of Hugging Face's T5 and LLaMA classes: `</s>`, `<pad>`, `<s>`, `<unk>`.
 *
 * @param tokenizerJson null if the model's tokens are bytes.
 * @param guard limits how long a text may take if the files can make that long (see {@link mayTakeForEver}).
 * @throws GorpError `text/bad-tokenizer` if the files are malformed or lack an end-of-text token.
 */
export function loadTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  promptMark: PromptMark = 'closed',
  guard: TokenizerGuard = (work) => work(),
): Tokenizer {
  if (tokenizerJson === null && hasByteTokens(tokenizerConfig)) return byteTokenizer();
  const json = checked(TokenizerJsonSchema, tokenizerJson, 'tokenizer.json');
  for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) checkDepth(json[part], part);
  const config = checked(TokenizerConfigSchema, tokenizerConfig, 'tokenizer_config.json');
  if (mayTakeForEver(json['decoder']))
    throw badTokenizer('tokenizer.json: its decoder has a regular expression, or replaces a text by a longer one');
  let library: HuggingFaceTokenizer;
  try {
    // Pass the input itself, which the schema has checked: valibot's copy of a record lacks a key "constructor".
    library = new HuggingFaceTokenizer(withUnicodeClasses(tokenizerJson as PreTokenized), config);
  } catch (error) {
    throw badTokenizer(`tokenizer.json: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (json.model.type === 'Unigram' && json.model.unk_id >= json.model.vocab.length) {
    throw badTokenizer(`tokenizer.json: unk_id ${json.model.unk_id} is outside its ${json.model.vocab.length} entries`);
  }
  if (json.model.type === 'Unigram' && json.model.byte_fallback === true && library.model)
    addByteFallback(library.model);
  if (json.model.type === 'Unigram' && library.model) rememberWords(library.model);
  const idOf = (token: string): number | null => library.token_to_id(token) ?? null;
  const named = (name: keyof Tokenizer['written'], otherwise: string): string => {
    const token = config[name];
    return typeof token === 'string' ? token : (token?.content ?? otherwise);
  };
  const names = {
    ...{ bos_token: named('bos_token', '<s>'), eos_token: named('eos_token', '</s>') },
    ...{ pad_token: named('pad_token', '<pad>'), unk_token: named('unk_token', '<unk>') },
  };
  /** As templates write a token: none if it is null, or left to a class that names none. */
  const written = (name: keyof typeof names): string | null => {
    const isNamed =
      config[name] !== undefined ? config[name] !== null : /T5|Llama/.test(config.tokenizer_class ?? 'T5');
    return isNamed && idOf(names[name]) !== null ? names[name] : null;
  };
  const eosId = idOf(names.eos_token);
  if (eosId === null) throw badTokenizer(`its vocabulary lacks the end-of-text token ${names.eos_token}`);
  const bosId = idOf(names.bos_token);
  const special = new Set(json.added_tokens.flatMap(({ id, special }) => (special === false ? [] : [id])));
  // As T5 numbers them; a vocabulary for other models may have some too, but not the first.
  const sentinels: number[] = [];
  for (let id = idOf('<extra_id_0>'); id !== null; id = idOf(`<extra_id_${sentinels.length}>`)) sentinels.push(id);
  const encodeFreely = (text: string): number[] =>
    working(() => library.encode(text, { add_special_tokens: false }).ids);
  const isGuarded = mayTakeForEver(json['normalizer']) || mayTakeForEver(json['pre_tokenizer']);
  const encode = isGuarded ? (text: string): number[] => guard(() => encodeFreely(text)) : encodeFreely;
  const before = (): number[] => tokensBefore(library);
  const front = promptMark === 'begun' ? (isGuarded ? guard(before) : before()) : [];
  const after = promptMark === 'closed' ? [eosId] : [];
  return {
    encode,
    encodePrompt: (text) => {
      checkPromptLength(text);
      return [...front, ...encode(text), ...after];
    },
    encodeLabel: encode,
    decode: (ids) => decodeIds(library, ids, true),
    decodeWhole: (ids) => decodeIds(library, ids, false),
    isSpecial: (id) => special.has(id),
    hiding: sentinels.length > 0 ? { sentinels, spanTokens: 3 } : null,
    written: {
      ...{ bos_token: written('bos_token'), eos_token: names.eos_token },
      ...{ pad_token: written('pad_token'), unk_token: written('unk_token') },
    },
    eosId,
    padId: idOf(names.pad_token) ?? bosId ?? eosId,
    bosId,
    unkId: idOf(names.unk_token),
    size: library.model?.vocab.length ?? 0,
  };
}

const ANY_TEXT = 'a';

/**
 * The tokens before a text: the one that begins a text, if the model was trained with it. The post-processor of
 * tokenizer.json decides, as in transformers 5: a `bos_token` in the configuration may serve templates only, as in
 * SmolLM2. Tokens after a text are ignored, since an answer follows.
 */
function tokensBefore(library: HuggingFaceTokenizer): number[] {
  const { ids: plain } = library.encode(ANY_TEXT, { add_special_tokens: false });
  const { ids: whole } = library.encode(ANY_TEXT, { add_special_tokens: true });
  const begin = whole.findIndex((_, at) => plain.every((id, i) => whole[at + i] === id));
  const before = whole.slice(0, Math.max(begin, 0));
  if (before.every((id: number | undefined) => id !== undefined)) return before;
  throw badTokenizer('tokenizer.json: post_processor begins texts with a token that the vocabulary lacks');
}

/**
 * Whether a part of the file can take time, or make a text grow, without limit: a regular expression can have 2ⁿ ways not
 * to match, and n replacements of a text by a longer one can make it 2ⁿ times as long.
 */
function mayTakeForEver(part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return false;
  const { Regex, pattern, content } = part as {
    Regex?: unknown;
    pattern?: { String?: unknown } | null;
    content?: unknown;
  };
  const replaced = pattern?.String;
  const grows = typeof replaced === 'string' && typeof content === 'string' && content.length > replaced.length;
  return Regex !== undefined || grows || Object.values(part).some(mayTakeForEver);
}

/** The library recurses, and so does the check above. @throws GorpError `text/bad-tokenizer` if a part is nested too deep. */
function checkDepth(part: unknown, name: string): void {
  if (isTooDeep(part)) throw badTokenizer(`tokenizer.json: its ${name} is nested more than ${MAX_NESTING} deep`);
}

interface PreTokenized {
  pre_tokenizer?: PreTokenizer | null;
}
interface PreTokenizer {
  type: string;
  pretokenizers?: PreTokenizer[] | undefined;
  individual_digits?: unknown;
}

/**
 * The same tokenizer with words split at Unicode's white space and numbers. The library splits at JavaScript's `\s` and
 * `\d`, Hugging Face's own tokenizers at Unicode's properties: they differ in U+0085 (next line), U+FEFF (byte order
 * mark), and numbers such as ¼ and ٣.
 */
function withUnicodeClasses(json: PreTokenized): object {
  const replaced = (one: PreTokenizer): PreTokenizer => {
    if (one.type === 'Sequence') return { ...one, pretokenizers: one.pretokenizers?.map(replaced) };
    const split = (Regex: string, behavior: string): PreTokenizer & object => ({
      ...{ type: 'Split', pattern: { Regex }, behavior, invert: false },
    });
    if (one.type === 'Digits') return split(one.individual_digits === true ? '\\p{N}' : '\\p{N}+', 'Isolated');
    return one.type === 'WhitespaceSplit' ? split('\\p{White_Space}+', 'Removed') : one;
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

function decodeIds(library: HuggingFaceTokenizer, ids: readonly number[], skip_special_tokens: boolean): string {
  const known = ids.filter((id) => library.id_to_token(id) !== undefined);
  return known.length === 0 ? '' : working(() => library.decode(known, { skip_special_tokens }));
}

/** Runs the library on a text. It finds some faults of a file only then. */
function working<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw badTokenizer(`tokenizer.json: it fails on a text (${what})`, { cause });
  }
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
    "Use the tokenizer.json and tokenizer_config.json that were published with the model's weights, or choose another model.",
    options,
  );
}
