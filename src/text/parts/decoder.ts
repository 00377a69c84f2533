/** The part `decoder` of tokenizer.json: how tokens become a text. */
import * as v from 'valibot';
import { bytesOfLetters } from './byte-letters.ts';
import { checked } from './fault.ts';
import { expressionOf, PatternSchema } from './pattern.ts';
import { MetaspaceSchema, prependScheme } from './pre-tokenizer.ts';

/** The texts of tokens, which joined are the text of all. */
type Decode = (tokens: readonly string[]) => readonly string[];

type Part =
  | { type: 'Sequence'; decoders: Part[] }
  | { type: 'ByteLevel' | 'ByteFallback' | 'Fuse' }
  | v.InferOutput<typeof MetaspaceSchema>
  | { type: 'Strip'; content: string; start: number; stop: number }
  | { type: 'Replace'; pattern: v.InferOutput<typeof PatternSchema>; content: string }
  | { type: 'BPEDecoder'; suffix: string };

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const PartSchema: v.GenericSchema<unknown, Part> = v.variant('type', [
  v.object({ type: v.literal('Sequence'), decoders: v.array(v.lazy(() => PartSchema)) }),
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
  const decode = made(checked(PartSchema, part, 'tokenizer.json, decoder'));
  return (tokens) => decode(tokens).join('');
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

function made(part: Part): Decode {
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
