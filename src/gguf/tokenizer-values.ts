import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import type { KnownModel } from '../run/models/open-network.ts';
import { SPLITTINGS } from '../weights/gguf/tokenizer.ts';
import { hasLongTokens, mergesByScore, SPACE, TOKEN_TYPE, whitespaceMap } from '../weights/gguf/tokens.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import type { ModelTexts } from '../weights/model-folder.ts';

const merge = v.union([v.string(), v.tuple([v.string(), v.string()])]);
/** The parts of a tokenizer.json that a GGUF file can state. */
const TokenizerSchema = v.looseObject({
  added_tokens: v.array(
    v.looseObject({
      id: v.number(),
      content: v.string(),
      special: v.optional(v.boolean(), false),
      lstrip: v.optional(v.boolean(), false),
      rstrip: v.optional(v.boolean(), false),
      single_word: v.optional(v.boolean(), false),
    }),
  ),
  normalizer: v.unknown(),
  pre_tokenizer: v.unknown(),
  model: v.variant('type', [
    v.looseObject({
      type: v.literal('BPE'),
      vocab: v.record(v.string(), v.number()),
      merges: v.array(merge),
      unk_token: v.nullish(v.string()),
      byte_fallback: v.optional(v.boolean(), false),
      ignore_merges: v.optional(v.boolean(), false),
    }),
    v.looseObject({
      type: v.literal('Unigram'),
      vocab: v.array(v.tuple([v.string(), v.number()])),
      unk_id: v.nullish(v.number()),
      byte_fallback: v.optional(v.boolean(), false),
    }),
  ]),
});
type Parsed = v.InferOutput<typeof TokenizerSchema>;

/** A tokenizer.json whose model is of one type. */
export type TokenizerJson<Type extends Parsed['model']['type'] = Parsed['model']['type']> = Pick<
  Parsed,
  'added_tokens' | 'normalizer' | 'pre_tokenizer'
> & {
  model: Extract<Parsed['model'], { type: Type }>;
};

/** @throws GorpError `text/no-gguf` if it is of another kind, or its added tokens take the spaces around them. */
export function readTokenizerJson(tokenizer: unknown): TokenizerJson {
  const parsed = v.safeParse(TokenizerSchema, tokenizer, { abortEarly: true });
  if (!parsed.success) throw noGguf('it is neither a byte-pair encoding nor a Unigram model');
  const json = parsed.output;
  const strict = json.added_tokens.find(({ lstrip, rstrip, single_word }) => lstrip || rstrip || single_word);
  if (strict !== undefined) throw noGguf(`its token ${JSON.stringify(strict.content)} takes the spaces around it`);
  if (json.model.type === 'Unigram') return { ...json, model: json.model };
  // The vocabulary as it was, since valibot's copy of a record lacks a key "constructor".
  const { vocab } = (tokenizer as TokenizerJson<'BPE'>).model;
  return { ...json, model: { ...json.model, vocab } };
}

/** The error for a tokenizer that is not written. @param why follows "cannot be written as GGUF:". */
const noGguf = (why: string): GorpError =>
  new GorpError(
    'text/no-gguf',
    `The tokenizer of this model cannot be written as GGUF: ${why}.`,
    'Export the model as ONNX, or merge it for transformers.',
  );

/** Both forms of one splitting as the same text: offsets in the text do not change tokens. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (key, part: unknown) => {
    if (key === 'trim_offsets') return undefined;
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });

/** All tokens by id, and their types. */
interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: Int32Array;
}

/**
 * @param size rows of the embedding. Those without a token get names of their own.
 * @throws GorpError `text/no-gguf`.
 */
export function vocabularyOf({ model, added_tokens: added }: TokenizerJson, size: number): Vocabulary {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(size).fill(TOKEN_TYPE.unused);
  const isByte = (token: string): boolean => model.byte_fallback && /^<0x[0-9A-F]{2}>$/.test(token);
  const pieces: Iterable<[string, number]> =
    model.type === 'BPE'
      ? Object.entries(model.vocab)
      : model.vocab.map(([token], id): [string, number] => [token, id]);
  for (const [token, id] of pieces) {
    tokens[id] = token;
    types[id] = isByte(token) ? TOKEN_TYPE.byte : TOKEN_TYPE.normal;
  }
  const unknown = model.type === 'BPE' ? model.unk_token : model.unk_id == null ? null : tokens[model.unk_id];
  for (const { id, content, special } of added) {
    tokens[id] = content;
    types[id] = content === unknown ? TOKEN_TYPE.unknown : special ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined;
  }
  if (new Set(tokens).size < tokens.length) throw noGguf('two of its tokens have the same text');
  return { tokens, types };
}

type BpeJson = TokenizerJson<'BPE'>;

/**
 * The fields of a byte-pair encoding: of byte-level BPE, or of SentencePiece's with bytes for unknown characters.
 *
 * @throws GorpError `text/no-gguf`.
 */
function bpeValues(json: BpeJson, { tokens, types }: Vocabulary): Record<string, GgufValue> {
  const { merges, byte_fallback: isBytes } = json.model;
  if (!isBytes) {
    return {
      model: { type: 'string', value: 'gpt2' },
      pre: { type: 'string', value: splittingOf(json) },
      merges: { type: 'array', of: 'string', items: merges.map(mergeText) },
    };
  }
  return {
    model: { type: 'string', value: 'llama' },
    pre: { type: 'string', value: 'default' },
    scores: { type: 'array', of: 'float32', items: scoresOf(json, tokens, types) },
    add_space_prefix: { type: 'bool', value: hasPrefix(json) },
  };
}

const pairOf = (merge: string | [string, string]): [string, string] => {
  if (typeof merge !== 'string') return merge;
  const at = merge.indexOf(' ', 1); // a part may begin with a space, but not a second one
  return [merge.slice(0, at), merge.slice(at + 1)];
};
const mergeText = (merge: string | [string, string]): string => (typeof merge === 'string' ? merge : merge.join(' '));

/** How llama.cpp calls the way in which a byte-level tokenizer splits texts. */
function splittingOf({ normalizer, pre_tokenizer, model }: BpeJson): string {
  const wanted = canonical({ normalizer: normalizer ?? null, pre_tokenizer });
  const found = Object.entries(SPLITTINGS).find(
    ([, one]) =>
      canonical({ normalizer: one.normalizer, pre_tokenizer: one.pre_tokenizer }) === wanted &&
      one.ignoreMerges === model.ignore_merges,
  );
  if (found !== undefined) return found[0];
  throw noGguf('it splits texts in a way that llama.cpp has no name for');
}

const REPLACE_SPACES = canonical({ type: 'Replace', pattern: { String: ' ' }, content: SPACE });
const PREPEND = canonical({
  type: 'Sequence',
  normalizers: [
    { type: 'Prepend', prepend: SPACE },
    { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
  ],
});
/** Splits at spaces, and no spaces are left. */
const NO_SPLIT = canonical({
  type: 'Split',
  pattern: { String: ' ' },
  behavior: 'MergedWithPrevious',
  invert: false,
});

/** Whether a text begins with a space for a SentencePiece tokenizer. */
function hasPrefix({ normalizer, pre_tokenizer }: BpeJson): boolean {
  const [form, split] = [canonical(normalizer ?? null), canonical(pre_tokenizer ?? null)];
  if (split === 'null' || split === NO_SPLIT) {
    if (form === PREPEND) return true;
    if (form === REPLACE_SPACES) return false;
  }
  const { type, replacement, prepend_scheme, split: splits } = (pre_tokenizer ?? {}) as Record<string, unknown>;
  if (form === 'null' && type === 'Metaspace' && replacement === SPACE && splits === false) {
    if (prepend_scheme === 'never') return false;
    if (prepend_scheme === 'first' || prepend_scheme === 'always') return true;
  }
  throw noGguf('it changes texts in a way that llama.cpp does not');
}

/**
 * Scores such that the piece with the highest score is the one that the merges join first.
 *
 * @throws GorpError if llama.cpp, which joins any two pieces that make a token, would join others than the merges.
 */
function scoresOf({ model }: BpeJson, tokens: readonly string[], types: Int32Array): Float32Array {
  const scores = new Float32Array(tokens.length).fill(-(tokens.length + 1));
  const pairs = model.merges.map(pairOf);
  const ranks = new Map<string, number>();
  for (const pair of pairs) {
    const joined = pair.join('');
    if (!ranks.has(joined)) ranks.set(joined, ranks.size);
  }
  for (const [joined, rank] of ranks) {
    const id = Object.hasOwn(model.vocab, joined) ? model.vocab[joined] : undefined;
    if (id === undefined) throw noGguf(`its merges make ${JSON.stringify(joined)}, which is no token`);
    scores[id] = -rank;
  }
  if (hasLongTokens(tokens)) throw noGguf('its tokens are too long');
  const takesPart = (id: number): boolean => types[id] === TOKEN_TYPE.normal || types[id] === TOKEN_TYPE.userDefined;
  const known = new Set(pairs.map((pair) => pair.join(' ')));
  const other = mergesByScore(tokens, scores, takesPart).find(([first, second]) => !known.has(`${first} ${second}`));
  if (other !== undefined) {
    throw noGguf(`llama.cpp would join ${JSON.stringify(other[0])} and ${JSON.stringify(other[1])}, its merges do not`);
  }
  return scores;
}

type UnigramJson = TokenizerJson<'Unigram'>;

/** Of tokens that no text has, as llama.cpp's converter gives them. */
const UNUSED_SCORE = -10_000;

/**
 * The fields of a Unigram tokenizer of words. llama.cpp splits a whole text at once, so that no token may span words, and
 * has no bytes for unknown characters.
 *
 * @throws GorpError `text/no-gguf`.
 */
export function unigramValues(json: UnigramJson, { tokens, types }: Vocabulary): Record<string, GgufValue> {
  const { vocab, byte_fallback: hasBytes } = json.model;
  if (hasBytes) throw noGguf('it writes unknown characters as bytes, which llama.cpp does not do for this kind');
  const splitting = canonical(json.pre_tokenizer);
  if (!AT_WHITE_SPACE.has(splitting) && !AT_SPACES.has(splitting))
    throw noGguf('it does not split texts at every white space');
  const spanning = tokens.find((token, id) => types[id] === TOKEN_TYPE.normal && token.lastIndexOf(SPACE) > 0);
  if (spanning !== undefined) throw noGguf(`its token ${JSON.stringify(spanning)} spans words`);
  if (!tokens.includes(SPACE)) throw noGguf('it has no token for a space');
  const scores = new Float32Array(tokens.length).fill(UNUSED_SCORE);
  vocab.forEach(([, score], id) => (scores[id] = score));
  return {
    model: { type: 'string', value: 't5' },
    pre: { type: 'string', value: 'default' },
    scores: { type: 'array', of: 'float32', items: scores },
    add_space_prefix: { type: 'bool', value: true },
    remove_extra_whitespaces: { type: 'bool', value: true },
    precompiled_charsmap: { type: 'array', of: 'uint8', items: mapOf(json, AT_SPACES.has(splitting)) },
  };
}

/** Words, each with a space before it; in the words of earlier versions too. */
const wordsOf = (split: object): ReadonlySet<string> =>
  new Set(
    [{ prepend_scheme: 'always', split: true }, { prepend_scheme: 'always' }, { add_prefix_space: true }].map((more) =>
      canonical({ type: 'Sequence', pretokenizers: [split, { type: 'Metaspace', replacement: SPACE, ...more }] }),
    ),
  );
const AT_WHITE_SPACE = wordsOf({ type: 'WhitespaceSplit' });
/** As llama.cpp splits, and this project the texts of GGUF files. */
const AT_SPACES = wordsOf({ type: 'Split', pattern: { String: ' ' }, behavior: 'Removed', invert: false });

const isForm = (form: unknown): form is { type: unknown; precompiled_charsmap?: unknown } =>
  typeof form === 'object' && form !== null && 'type' in form;

/**
 * How characters are changed first. llama.cpp does not put texts into Unicode's composed form (NFC).
 *
 * @param atSpaces whether other white space is text.
 */
function mapOf({ normalizer }: UnigramJson, atSpaces: boolean): Uint8Array {
  if (normalizer == null && atSpaces) return new Uint8Array();
  if (normalizer == null || (isForm(normalizer) && normalizer.type === 'NFC')) return whitespaceMap();
  if (isForm(normalizer) && normalizer.type === 'Precompiled' && typeof normalizer.precompiled_charsmap === 'string') {
    return Uint8Array.from(atob(normalizer.precompiled_charsmap), (letter) => letter.charCodeAt(0));
  }
  throw noGguf('it changes texts in a way that llama.cpp does not');
}

const KEY = 'tokenizer.ggml.';

/**
 * A model's tokenizer as the metadata of a GGUF file, such that llama.cpp gives a text the same tokens.
 *
 * @throws GorpError `text/no-gguf` if it cannot, with the reason.
 */
export function tokenizerValues(texts: Pick<ModelTexts, 'tokenizer'>, known: KnownModel): Map<string, GgufValue> {
  const json = readTokenizerJson(texts.tokenizer);
  const { model } = json;
  const vocabulary = vocabularyOf(json, known.config.vocabSize);
  const { tokens, types } = vocabulary;
  const values: Record<string, GgufValue> = {
    tokens: { type: 'array', of: 'string', items: tokens },
    token_type: { type: 'array', of: 'int32', items: types },
    ...(model.type === 'BPE'
      ? bpeValues({ ...json, model }, vocabulary)
      : unigramValues({ ...json, model }, vocabulary)),
    ...specialIds(known),
  };
  return new Map(Object.entries(values).map(([key, value]) => [KEY + key, value]));
}

function specialIds({ tokenizer, endIds }: KnownModel): Record<string, GgufValue> {
  const { bosId, eosId, padId, unkId, written } = tokenizer;
  const around = tokenizer.encodePrompt('');
  const addsBos = around.length > 0 && around[0] === bosId;
  const addsEos = around.length > 0 && around.at(-1) === eosId && !(addsBos && around.length === 1);
  if (around.length > Number(addsBos) + Number(addsEos)) {
    throw noGguf('it puts more around a text than the tokens that begin and end texts');
  }
  const others = endIds.filter((id) => id !== eosId);
  if (others.length > 2) throw noGguf(`${endIds.length} tokens end an answer, more than a file can name`);
  const named: [string, number | null | undefined][] = [
    ['bos', bosId],
    ['eos', eosId],
    ['eot', others.at(0)],
    ['eom', others.at(1)],
    ['unknown', unkId],
    ['padding', written.pad_token === null ? null : padId],
  ];
  const ids = named.filter((one): one is [string, number] => one[1] != null);
  return {
    ...Object.fromEntries(ids.map(([name, value]) => [`${name}_token_id`, { type: 'uint32', value }])),
    add_bos_token: { type: 'bool', value: addsBos },
    add_eos_token: { type: 'bool', value: addsEos },
  };
}
