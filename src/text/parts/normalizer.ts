/** The part `normalizer` of tokenizer.json: how a text is changed before it is split. */
import * as v from 'valibot';
import { byteLetters } from './byte-letters.ts';
import { Charsmap } from './charsmap.ts';
import { badTokenizer, bounded, checked } from './fault.ts';
import { expressionOf, PatternSchema } from './pattern.ts';

export type Normalize = (text: string) => string;

type Part =
  | { type: 'Sequence'; normalizers: Part[] }
  | { type: 'NFC' | 'NFD' | 'NFKC' | 'NFKD' | 'Lowercase' | 'Nmt' | 'ByteLevel' }
  | { type: 'Strip'; strip_left: boolean; strip_right: boolean }
  | { type: 'Prepend'; prepend: string }
  | { type: 'Replace'; pattern: v.InferOutput<typeof PatternSchema>; content: string }
  | { type: 'Precompiled'; precompiled_charsmap: string };

/** What stands for a part of a text: a much longer one is no tokenizer's, and would fill the memory. */
const insert = v.pipe(v.string(), v.maxLength(256));
const PartSchema: v.GenericSchema<unknown, Part> = v.variant('type', [
  v.object({ type: v.literal('Sequence'), normalizers: v.array(v.lazy(() => PartSchema)) }),
  v.object({
    type: v.picklist(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'Nmt', 'ByteLevel']),
  }),
  v.object({ type: v.literal('Strip'), strip_left: v.boolean(), strip_right: v.boolean() }),
  v.object({ type: v.literal('Prepend'), prepend: insert }),
  v.object({ type: v.literal('Replace'), pattern: PatternSchema, content: insert }),
  v.object({ type: v.literal('Precompiled'), precompiled_charsmap: v.string() }),
]);

/**
 * @param part null if texts stay as they are.
 * @param charsmaps how a charsmap is applied: as Hugging Face's tokenizers do, or as SentencePiece.
 * @throws GorpError `text/bad-tokenizer` for a part that is not read.
 */
export function normalizerOf(part: unknown, charsmaps: 'byCluster' | 'longest'): Normalize {
  if (part == null) return (text) => text;
  return made(checked(PartSchema, part, 'tokenizer.json, normalizer'), charsmaps);
}

function made(part: Part, charsmaps: 'byCluster' | 'longest'): Normalize {
  switch (part.type) {
    case 'Sequence': {
      const parts = part.normalizers.map((one) => made(one, charsmaps));
      return (text) => parts.reduce((changed, change) => bounded(change(changed)), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.replace(KNOWN, (known) => known.normalize(part.type));
    case 'Lowercase':
      // Letter by letter, so that a Σ that ends a word becomes a σ too.
      return (text) => Array.from(text, (letter) => letter.toLowerCase()).join('');
    case 'Nmt':
      return (text) => text.replace(NMT_REMOVED, '').replace(NMT_SPACES, ' ');
    case 'ByteLevel':
      return byteLetters;
    case 'Strip': {
      const { strip_left: left, strip_right: right } = part;
      return (text) => {
        const begun = left ? text.replace(/^\p{White_Space}+/u, '') : text;
        return right ? begun.slice(0, endOf(begun)) : begun;
      };
    }
    case 'Prepend':
      return (text) => (text === '' ? '' : part.prepend + text);
    case 'Replace': {
      const expression = expressionOf(part.pattern);
      return (text) => {
        let more = 0;
        return text.replace(expression, () => {
          bounded(text, (more += part.content.length));
          return part.content;
        });
      };
    }
    case 'Precompiled': {
      const map = charsmapOf(part.precompiled_charsmap);
      return map === null ? (text) => text : (text) => map[charsmaps](text);
    }
  }
}

/** Where a text ends without the white space at its end. */
function endOf(text: string): number {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1])) end--;
  return end;
}

/**
 * Runs of characters without those that Unicode has decomposed since version 12.0, whose tables the tokenizers library
 * has: ㋿, modifier letters, segmented digits. It leaves them as they are.
 */
const KNOWN =
  /[^\u32ff\ua7f1-\ua7f4\uab69\u{105c9}\u{105e4}\u{10781}-\u{107ba}\u{11383}-\u{113c8}\u{11938}\u{16121}-\u{16128}\u{16d68}-\u{16d6a}\u{1ccd6}-\u{1ccf9}\u{1e030}-\u{1e06d}\u{1f16c}\u{1fbf0}-\u{1fbf9}]+/gu;

// As `Nmt` of the tokenizers library, the rule of the Neural Machine Translation toolkit.
const NMT_REMOVED = /[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g;
const NMT_SPACES = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;

/** Null for an empty map, which changes nothing. @throws GorpError `text/bad-tokenizer`. */
function charsmapOf(base64: string): Charsmap | null {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch (cause) {
    throw badTokenizer('tokenizer.json: its precompiled_charsmap is not base64', { cause });
  }
  if (bytes.length === 0) return null;
  const map = Charsmap.read(bytes);
  if (map === null) throw badTokenizer('tokenizer.json: its precompiled_charsmap is malformed');
  return map;
}
