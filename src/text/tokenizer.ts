import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { isTooDeep, MAX_NESTING } from '../base/nesting.ts';
import { cleansSpaces, hasByteTokens, type TokenizerGuard } from '../base/tokenizer-config.ts';
import { type AddedToken, AddedTokens, LONGEST_ENTRY } from './parts/added-tokens.ts';
import { decoderOf, frontOf } from './parts/decoder.ts';
import { badTokenizer, bounded, checked } from './parts/fault.ts';
import { normalizerOf } from './parts/normalizer.ts';
import { type Piece, preTokenizerOf } from './parts/pre-tokenizer.ts';
import { idSchema, type WordModel, wordModelOf } from './parts/word-model.ts';
import { byteTokenizer, type PromptMark, type Tokenizer } from './tokenizer-form.ts';

// Tokenizers take some microseconds for each character, so these are read within two seconds or so. The longest
// published models read 131,072 tokens, about as many characters as the first limit.
const MAX_PROMPT = 524_288;
/** Without white space: no tokenizer can split such a word before it looks for its tokens. */
const MAX_WORD = 100_000;

/** Checks that a prompt is short enough to be tokenised at all. @throws GorpError `text/prompt-too-long`. */
export function checkPromptLength(text: string): void {
  if (text.length > MAX_PROMPT) throw tooLong('The prompt', text.length, MAX_PROMPT);
  if (text.length <= MAX_WORD) return;
  const longest = text.split(/\s+/).reduce((most, { length }) => Math.max(most, length), 0);
  if (longest > MAX_WORD) throw tooLong('A word of the prompt', longest, MAX_WORD);
}

const tooLong = (what: string, length: number, most: number): GorpError =>
  new GorpError(
    'text/prompt-too-long',
    `${what} has ${length} characters; ${most} can be read at most.`,
    'Shorten it, or check that it is text: encoded images and other files have such words.',
  );

export type { Answered, PromptMark, Tokenizer } from './tokenizer-form.ts';

const flag = v.optional(v.boolean(), false);
const flags = { single_word: flag, lstrip: flag, rstrip: flag };
const AddedTokenSchema = v.pipe(
  v.looseObject({
    content: v.pipe(v.string(), v.maxLength(LONGEST_ENTRY)),
    special: v.optional(v.boolean(), true),
    normalized: v.optional(v.boolean()),
    ...flags,
  }),
  v.transform((token) => ({ ...token, normalized: token.normalized ?? !token.special })),
);
const TokenizerJsonSchema = v.looseObject({
  added_tokens: v.array(
    v.intersect([v.looseObject({ id: idSchema, content: v.pipe(v.string(), v.minLength(1)) }), AddedTokenSchema]),
  ),
});
const specialToken = v.nullish(v.union([v.string(), v.looseObject({ content: v.string() })]));
const further = v.nullish(v.union([v.array(specialToken), v.record(v.string(), specialToken)]));
const NAMES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const;
const TokenizerConfigSchema = v.looseObject({
  ...v.entriesFromList(NAMES, specialToken),
  additional_special_tokens: further,
  extra_special_tokens: further,
  added_tokens_decoder: v.nullish(v.record(v.pipe(v.string(), v.digits()), AddedTokenSchema)),
  split_special_tokens: v.nullish(v.boolean()),
  tokenizer_class: v.nullish(v.string()),
});

/**
 * Reads a tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json` of a model, such that texts have the
 * same tokens, and tokens the same text, as in Hugging Face's own tokenizers. If the configuration does not name a
 * special token, it is that of Hugging Face's T5 and LLaMA classes: `</s>`, `<pad>`, `<s>`, `<unk>`.
 *
 * @param tokenizerJson null if the model's tokens are bytes.
 * @param guard limits how long a text may take if the files can make that long (see {@link mayTakeForEver}).
 * @throws GorpError `text/bad-tokenizer` if the files are malformed, have a part that is not read, or lack an
 *   end-of-text token.
 */
export function loadTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  promptMark: PromptMark = 'closed',
  guard: TokenizerGuard = (work) => work(),
): Tokenizer {
  const finish = cleansSpaces(tokenizerConfig, tokenizerJson) ? withoutSpaces : (text: string): string => text;
  if (tokenizerJson === null && hasByteTokens(tokenizerConfig)) return byteTokenizer(finish);
  const json = checked(TokenizerJsonSchema, tokenizerJson, 'tokenizer.json');
  for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) checkParts(json[part], part);
  const config = checked(TokenizerConfigSchema, tokenizerConfig, 'tokenizer_config.json');
  if (mayTakeForEver(json['decoder']))
    throw badTokenizer('tokenizer.json: its decoder has a regular expression, or replaces a text by a longer one');
  const model = wordModelOf((tokenizerJson as { model?: unknown }).model);
  const added = addedTokensOf(json.added_tokens, config, model);
  const isGuarded = mayTakeForEver(json['normalizer']) || mayTakeForEver(json['pre_tokenizer']);
  const guarded = <T>(work: () => T): T => (isGuarded ? guard(work) : work());
  const normalize = normalizerOf(json['normalizer'], config['charsmap'] === 'longest' ? 'longest' : 'byCluster');
  const ids = new Map(added.map(({ content, id }) => [content, id]));
  // A token that is looked for in the normalised text is also written so.
  const written = new Map(
    added.map(({ id, content, normalized }) => [
      id,
      normalized ? guarded(() => working(() => normalize(content))) : content,
    ]),
  );
  const special = new Set(added.flatMap(({ content, special }) => (special ? [content] : [])));
  const idOf = (token: string): number | null => ids.get(token) ?? model.idOf(token) ?? null;
  const tokenOf = (id: number): string | undefined => written.get(id) ?? model.tokenOf(id);
  const isSpecial = (id: number): boolean => special.has(tokenOf(id) ?? '');
  const size = added.reduce((most, { id }) => Math.max(most, id + 1), model.size);

  const named = (name: keyof Tokenizer['written'], otherwise: string): string => nameOf(config[name]) ?? otherwise;
  const names = {
    bos_token: named('bos_token', '<s>'),
    eos_token: named('eos_token', '</s>'),
    pad_token: named('pad_token', '<pad>'),
    unk_token: named('unk_token', '<unk>'),
  };
  /** As templates write a token: none if it is null, or left to a class that names none. */
  const inTemplates = (name: keyof typeof names): string | null => {
    const isNamed =
      config[name] !== undefined ? config[name] !== null : /T5|Llama/.test(config.tokenizer_class ?? 'T5');
    return isNamed && idOf(names[name]) !== null ? names[name] : null;
  };
  const eosId = idOf(names.eos_token);
  if (eosId === null) throw badTokenizer(`its vocabulary lacks the end-of-text token ${names.eos_token}`);
  const bosId = idOf(names.bos_token);
  // As T5 numbers them; a vocabulary for other models may have some too, but not the first.
  const sentinels: number[] = [];
  for (let id = idOf('<extra_id_0>'); id !== null; id = idOf(`<extra_id_${sentinels.length}>`)) sentinels.push(id);

  const splitsSpecial = config.split_special_tokens === true;
  const [inText, inNormalised] = [false, true].map(
    (wanted) =>
      new AddedTokens(
        added.filter(({ normalized }) => normalized === wanted),
        splitsSpecial,
        ({ id }) => written.get(id) ?? '',
      ),
  );
  const preTokenize = preTokenizerOf(json['pre_tokenizer']);
  const encodeWords = (piece: Piece): number[] => preTokenize(piece).flatMap(({ text }) => model.encode(text));
  const encode = (text: string): number[] =>
    guarded(() =>
      working(() => {
        let letters = 0;
        return inText.encode(text, (piece) => {
          const normalised = bounded(normalize(piece.text), letters);
          letters += normalised.length;
          return inNormalised.encode(normalised, (part) =>
            encodeWords({ text: part.text, isFirst: piece.isFirst && part.isFirst }),
          );
        });
      }),
    );
  // The post-processor decides, as in transformers 5: a `bos_token` in the configuration may serve templates only, as in
  // SmolLM2, and `add_bos_token` changes nothing.
  const front = frontOf(json['post_processor']).flatMap(([token, id]) => {
    if (id === undefined || tokenOf(id) !== token)
      throw badTokenizer(
        `tokenizer.json: post_processor begins texts with a token that the vocabulary lacks (${token})`,
      );
    return promptMark === 'begun' ? [id] : [];
  });
  const after = promptMark === 'closed' ? [eosId] : [];
  const decode = decoderOf(json['decoder']);
  const textOf = (ids: readonly number[]): string => {
    const tokens = ids.map(tokenOf).filter((token) => token !== undefined);
    return working(() => decode(tokens));
  };
  return {
    encode,
    encodePrompt: (text) => {
      checkPromptLength(text);
      return [...front, ...encode(text), ...after];
    },
    encodeLabel: encode,
    decode: (ids) => finish(textOf(ids.filter((id) => !isSpecial(id)))),
    decodeWhole: textOf,
    isSpecial,
    hiding: sentinels.length > 0 ? { sentinels, spanTokens: 3 } : null,
    written: {
      bos_token: inTemplates('bos_token'),
      eos_token: names.eos_token,
      pad_token: inTemplates('pad_token'),
      unk_token: inTemplates('unk_token'),
    },
    eosId,
    padId: idOf(names.pad_token) ?? bosId ?? eosId,
    bosId,
    unkId: idOf(names.unk_token),
    size,
  };
}

type Config = v.InferOutput<typeof TokenizerConfigSchema>;
type Json = v.InferOutput<typeof TokenizerJsonSchema>;

const nameOf = (token: v.InferOutput<typeof specialToken>): string | undefined =>
  typeof token === 'string' ? token : token?.content;

/**
 * Tokens that are looked for before anything else, as transformers 5 has them: tokenizer_config.json overrides how
 * tokenizer.json looks for one, and what it names is special.
 */
function addedTokensOf(own: Json['added_tokens'], config: Config, model: WordModel): AddedToken[] {
  const tokens = new Map<string, AddedToken>(own.map((token) => [token.content, token]));
  for (const [id, token] of Object.entries(config.added_tokens_decoder ?? {})) {
    const known = tokens.get(token.content);
    const special = token.special || known?.special === true;
    if (token.content !== '')
      tokens.set(token.content, { ...token, special, id: known?.id ?? model.idOf(token.content) ?? Number(id) });
  }
  const further = [config.additional_special_tokens, config.extra_special_tokens];
  const named = [...NAMES.map((name) => config[name]), ...further.flatMap((more) => Object.values(more ?? {}))];
  for (const content of named.map(nameOf)) {
    if (content === undefined || content === '') continue;
    const known = tokens.get(content);
    const id = known?.id ?? model.idOf(content);
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    if (id !== undefined) tokens.set(content, { ...plain, ...known, content, id, special: true });
  }
  return [...tokens.values()];
}

/** Without the spaces that `clean_up_tokenization` of transformers leaves out, in its order. */
function withoutSpaces(text: string): string {
  const parts = [' .', ' ?', ' !', ' ,', " ' ", " n't", " 'm", " 's", " 've", " 're"];
  return parts.reduce((cleaned, part) => cleaned.replaceAll(part, part.trim()), text);
}

/**
 * Whether a part of the file can take time, or make a text grow, without limit: a regular expression can have 2ⁿ ways not
 * to match, and n replacements of a text by a longer one can make it 2ⁿ times as long. So can n maps of characters, or n
 * turns of bytes into letters; tokenizers have one.
 */
function mayTakeForEver(part: unknown): boolean {
  let maps = 0;
  const may = (one: unknown): boolean => {
    if (typeof one !== 'object' || one === null) return false;
    const { type, Regex, pattern, content } = one as {
      type?: unknown;
      Regex?: unknown;
      pattern?: { String?: unknown } | null;
      content?: unknown;
    };
    if (type === 'Precompiled' || type === 'ByteLevel') maps++;
    const replaced = pattern?.String;
    const grows = typeof replaced === 'string' && typeof content === 'string' && content.length > replaced.length;
    return Regex !== undefined || grows || maps > 1 || Object.values(one).some(may);
  };
  return may(part);
}

/** Far more than any tokenizer has: each takes its time on every text. */
const MOST_PARTS = 100;

/** Checks that a part, which may be a sequence of others, is neither too deep nor too long. @throws GorpError `text/bad-tokenizer`. */
function checkParts(part: unknown, name: string): void {
  if (isTooDeep(part)) throw badTokenizer(`tokenizer.json: its ${name} is nested more than ${MAX_NESTING} deep`);
  const partsIn = (one: unknown): number => {
    if (typeof one !== 'object' || one === null) return 0;
    const isPart = typeof (one as { type?: unknown }).type === 'string';
    return Object.values(one).reduce<number>((sum, inner) => sum + partsIn(inner), Number(isPart));
  };
  if (partsIn(part) > MOST_PARTS) throw badTokenizer(`tokenizer.json: its ${name} has more than ${MOST_PARTS} parts`);
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

/** Runs a part of the tokenizer on a text. Some faults of a file are found only then. */
function working<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof GorpError) throw cause;
    const what = cause instanceof Error ? cause.message : String(cause);
    throw badTokenizer(`tokenizer.json: it fails on a text (${what})`, { cause });
  }
}
