import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import type { KnownModel } from '../run/open-network.ts';
import { SPLITTINGS } from '../weights/gguf/pre-tokenizers.ts';
import { mergesByScore } from '../weights/gguf/score-merges.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import type { ModelTexts } from '../weights/model-folder.ts';

/** Types of tokens (`llama_token_type`). */
const TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
const SPACE = '▁';
const KEY = 'tokenizer.ggml.';

const merge = v.union([v.string(), v.tuple([v.string(), v.string()])]);
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
  model: v.looseObject({
    type: v.literal('BPE'),
    vocab: v.record(v.string(), v.number()),
    merges: v.array(merge),
    unk_token: v.nullish(v.string()),
    byte_fallback: v.optional(v.boolean(), false),
    ignore_merges: v.optional(v.boolean(), false),
  }),
});
type TokenizerJson = v.InferOutput<typeof TokenizerSchema>;

/**
 * A model's tokenizer as the metadata of a GGUF file, such that llama.cpp gives a text the same tokens.
 *
 * @throws GorpError `text/no-gguf` if it cannot, with the reason.
 */
export function tokenizerValues(texts: Pick<ModelTexts, 'tokenizer'>, known: KnownModel): Map<string, GgufValue> {
  const parsed = v.safeParse(TokenizerSchema, texts.tokenizer);
  if (!parsed.success) throw noGguf('it is no byte-pair encoding');
  const json = parsed.output;
  const strict = json.added_tokens.find(({ lstrip, rstrip, single_word }) => lstrip || rstrip || single_word);
  if (strict !== undefined) throw noGguf(`its token ${JSON.stringify(strict.content)} takes the spaces around it`);
  const { tokens, types } = vocabularyOf(json, known.config.vocabSize);
  const isBytes = json.model.byte_fallback;
  const [kind, splitting] = isBytes ? ['llama', 'default'] : ['gpt2', splittingOf(json)];
  const values: Record<string, GgufValue> = {
    model: { type: 'string', value: kind },
    pre: { type: 'string', value: splitting },
    tokens: { type: 'array', of: 'string', items: tokens },
    ...(isBytes && { scores: { type: 'array', of: 'float32', items: scoresOf(json, tokens, types) } }),
    token_type: { type: 'array', of: 'int32', items: types },
    ...(!isBytes && { merges: { type: 'array', of: 'string', items: json.model.merges.map(mergeText) } }),
    ...specialIds(known),
    ...(isBytes && { add_space_prefix: { type: 'bool', value: hasPrefix(json) } }),
  };
  return new Map(Object.entries(values).map(([key, value]) => [KEY + key, value]));
}

const noGguf = (why: string): GorpError =>
  new GorpError(
    'text/no-gguf',
    `The tokenizer of this model cannot be written as GGUF: ${why}.`,
    'Export the model as ONNX, or merge it for transformers.',
  );

const pairOf = (merge: string | [string, string]): [string, string] => {
  if (typeof merge !== 'string') return merge;
  const at = merge.indexOf(' ', 1); // a part may begin with a space, but not a second one
  return [merge.slice(0, at), merge.slice(at + 1)];
};
const mergeText = (merge: string | [string, string]): string => (typeof merge === 'string' ? merge : merge.join(' '));

/** All tokens by id; rows of the embedding without a token get names of their own. */
function vocabularyOf(json: TokenizerJson, size: number): { tokens: string[]; types: Int32Array } {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(size).fill(TYPE.unused);
  const { vocab, unk_token: unknown, byte_fallback: isBytes } = json.model;
  for (const [token, id] of Object.entries(vocab)) {
    tokens[id] = token;
    types[id] = isBytes && /^<0x[0-9A-F]{2}>$/.test(token) ? TYPE.byte : TYPE.normal;
  }
  for (const { id, content, special } of json.added_tokens) {
    tokens[id] = content;
    types[id] = content === unknown ? TYPE.unknown : special ? TYPE.control : TYPE.userDefined;
  }
  if (new Set(tokens).size < tokens.length) throw noGguf('two of its tokens have the same text');
  return { tokens, types };
}

/** How llama.cpp calls the way in which a byte-level tokenizer splits texts. */
function splittingOf({ normalizer, pre_tokenizer, model }: TokenizerJson): string {
  const wanted = canonical({ normalizer: normalizer ?? null, pre_tokenizer });
  const found = Object.entries(SPLITTINGS).find(
    ([, one]) =>
      canonical({ normalizer: one.normalizer, pre_tokenizer: one.pre_tokenizer }) === wanted &&
      one.ignoreMerges === model.ignore_merges,
  );
  if (found !== undefined) return found[0];
  throw noGguf('it splits texts in a way that llama.cpp has no name for');
}

/** Both forms of one splitting as the same text: offsets in the text do not change tokens. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (key, part: unknown) => {
    if (key === 'trim_offsets') return undefined;
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });

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
function hasPrefix({ normalizer, pre_tokenizer }: TokenizerJson): boolean {
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
function scoresOf({ model }: TokenizerJson, tokens: readonly string[], types: Int32Array): Float32Array {
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
  const takesPart = (id: number): boolean => types[id] === TYPE.normal || types[id] === TYPE.userDefined;
  const known = new Set(pairs.map((pair) => pair.join(' ')));
  const other = mergesByScore(tokens, scores, takesPart).find(([first, second]) => !known.has(`${first} ${second}`));
  if (other !== undefined) {
    throw noGguf(`llama.cpp would join ${JSON.stringify(other[0])} and ${JSON.stringify(other[1])}, its merges do not`);
  }
  return scores;
}

function specialIds({ tokenizer, endIds }: KnownModel): Record<string, GgufValue> {
  const { bosId, eosId, padId, unkId, written } = tokenizer;
  const front = tokenizer.encodePrompt('');
  const addsBos = front.length === 1 && front[0] === bosId;
  if (front.length > 0 && !addsBos) throw noGguf('it begins a text with more than the token that begins texts');
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
    add_eos_token: { type: 'bool', value: false },
  };
}
