import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';

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
export const noGguf = (why: string): GorpError =>
  new GorpError(
    'text/no-gguf',
    `The tokenizer of this model cannot be written as GGUF: ${why}.`,
    'Export the model as ONNX, or merge it for transformers.',
  );

/** Both forms of one splitting as the same text: offsets in the text do not change tokens. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (key, part: unknown) => {
    if (key === 'trim_offsets') return undefined;
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
