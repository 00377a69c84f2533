import * as v from 'valibot';
import { bytesOfLetters, checked, expressionOf, PatternSchema } from './fault.ts';
import { MetaspaceSchema, prependScheme } from './pre-tokenizer.ts';
import { idSchema } from './word-model.ts';

/** The texts of tokens, which joined are the text of all. */
type Decode = (tokens: readonly string[]) => readonly string[];

/** The part `decoder` of tokenizer.json: how tokens become a text. */
type Decoder =
  | { type: 'Sequence'; decoders: Decoder[] }
  | { type: 'ByteLevel' | 'ByteFallback' | 'Fuse' }
  | v.InferOutput<typeof MetaspaceSchema>
  | { type: 'Strip'; content: string; start: number; stop: number }
  | { type: 'Replace'; pattern: v.InferOutput<typeof PatternSchema>; content: string }
  | { type: 'BPEDecoder'; suffix: string };

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const DecoderSchema: v.GenericSchema<unknown, Decoder> = v.variant('type', [
  v.object({ type: v.literal('Sequence'), decoders: v.array(v.lazy(() => DecoderSchema)) }),
  v.object({ type: v.picklist(['ByteLevel', 'ByteFallback', 'Fuse']) }),
  MetaspaceSchema,
  v.object({ type: v.literal('Strip'), content: v.string(), start: count, stop: count }),
  v.object({ type: v.literal('Replace'), pattern: PatternSchema, content: v.string() }),
  v.object({ type: v.literal('BPEDecoder'), suffix: v.string() }),
]);

/**
 * @param part null if tokens are words, joined by spaces.
 * @throws GorpError `text/bad-tokenizer` for a part that is not read.
 */
export function decoderOf(part: unknown): (tokens: readonly string[]) => string {
  if (part == null) return (tokens) => tokens.join(' ');
  const decode = made(checked(DecoderSchema, part, 'tokenizer.json, decoder'));
  return (tokens) => decode(tokens).join('');
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

function made(part: Decoder): Decode {
  switch (part.type) {
    case 'Sequence': {
      const parts = part.decoders.map(made);
      return (tokens) => parts.reduce((texts, decode) => decode(texts), tokens);
    }
    case 'ByteLevel':
      return (tokens) => [utf8.decode(Uint8Array.from(tokens.flatMap((token) => [...bytesOfLetters(token)])))];
    case 'ByteFallback':
      return withBytes;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Metaspace': {
      const isPrepended = prependScheme(part) !== 'never';
      return (tokens) =>
        tokens.map((token, i) => token.replaceAll(part.replacement, i === 0 && isPrepended ? '' : ' '));
    }
    case 'Strip':
      return (tokens) =>
        tokens.map((token) => {
          const letters = [...token];
          let [begin, end] = [0, letters.length];
          while (begin < Math.min(part.start, letters.length) && letters[begin] === part.content) begin++;
          while (letters.length - end < part.stop && end > begin && letters[end - 1] === part.content) end--;
          return letters.slice(begin, end).join('');
        });
    case 'Replace': {
      const expression = expressionOf(part.pattern);
      return (tokens) => tokens.map((token) => token.replace(expression, () => part.content));
    }
    case 'BPEDecoder':
      return (tokens) => tokens.map((token, i) => token.replaceAll(part.suffix, i === tokens.length - 1 ? '' : ' '));
  }
}

/** Runs of `<0x…>` as the text of these bytes, or as one � for each if they are none. */
function withBytes(tokens: readonly string[]): string[] {
  const texts: string[] = [];
  let bytes: number[] = [];
  const finish = (): void => {
    if (bytes.length === 0) return;
    try {
      texts.push(strictUtf8.decode(Uint8Array.from(bytes)));
    } catch {
      texts.push(...bytes.map(() => '\ufffd'));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const digits = token.length === 6 ? /^<0x([0-9a-f]{2})>$/i.exec(token)?.[1] : undefined;
    if (digits !== undefined) bytes.push(parseInt(digits, 16));
    else {
      finish();
      texts.push(token);
    }
  }
  finish();
  return texts;
}

/** The part `post_processor`, of which only the tokens before a text are read: an answer follows it. */
type PostProcessor =
  | { type: 'Sequence'; processors: PostProcessor[] }
  | { type: 'ByteLevel' }
  | { type: 'BertProcessing' | 'RobertaProcessing'; cls: [string, number] }
  | v.InferOutput<typeof TemplateSchema>;

/** Of tokens around a text: published tokenizers have one or two. */
const few = <Item extends v.GenericSchema>(item: Item) => v.pipe(v.array(item), v.maxLength(100));

const TemplateSchema = v.object({
  type: v.literal('TemplateProcessing'),
  single: few(
    v.union([v.object({ SpecialToken: v.object({ id: v.string() }) }), v.object({ Sequence: v.looseObject({}) })]),
  ),
  special_tokens: v.optional(v.record(v.string(), v.object({ ids: few(idSchema), tokens: few(v.string()) })), {}),
});
const PostProcessorSchema: v.GenericSchema<unknown, PostProcessor> = v.variant('type', [
  v.object({ type: v.literal('Sequence'), processors: v.array(v.lazy(() => PostProcessorSchema)) }),
  v.object({ type: v.literal('ByteLevel') }),
  v.object({ type: v.picklist(['BertProcessing', 'RobertaProcessing']), cls: v.tuple([v.string(), idSchema]) }),
  TemplateSchema,
]);

/**
 * The tokens that are put before a text, each with its id.
 *
 * @param part null if there are none.
 * @throws GorpError `text/bad-tokenizer` for a part that is not read.
 */
export const frontOf = (part: unknown): [token: string, id: number | undefined][] =>
  part == null ? [] : front(checked(PostProcessorSchema, part, 'tokenizer.json, post_processor'));

function front(part: PostProcessor): [string, number | undefined][] {
  switch (part.type) {
    case 'Sequence':
      return part.processors.toReversed().flatMap(front);
    case 'ByteLevel':
      return [];
    case 'BertProcessing':
    case 'RobertaProcessing':
      return [part.cls];
    case 'TemplateProcessing': {
      const end = part.single.findIndex((one) => 'Sequence' in one);
      const before = part.single.slice(0, end < 0 ? undefined : end);
      return before.flatMap((one): [string, number | undefined][] => {
        if (!('SpecialToken' in one)) return [];
        const { ids, tokens } = part.special_tokens[one.SpecialToken.id] ?? { ids: [], tokens: [one.SpecialToken.id] };
        return tokens.map((token, i) => [token, ids[i]]);
      });
    }
  }
}
