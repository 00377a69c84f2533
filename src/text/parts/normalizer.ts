import * as v from 'valibot';
import { badTokenizer, bounded, byteLetters, checked, expressionOf, PatternSchema } from './fault.ts';

/** Bits of a unit of the double array. */
const HAS_VALUE = 2 ** 8;
const VALUE = 2 ** 31 - 1;
/** The label's, of which the highest marks a value. */
const LABEL = 0x8000_00ff;
/** Bytes of the longest cluster of characters that Hugging Face's tokenizers replace as one. */
const LONGEST_CLUSTER = 5;

/** Bytes of the longest sequence that is looked for: a map that goes in a circle would find ever longer ones. */
const LONGEST_SEQUENCE = 64;
/** Bytes of the longest replacement, several times those of the longest in published maps. */
const LONGEST_REPLACEMENT = 256;

/** Texts of characters that are clusters of their own: segmenting takes ten times as long as all else. */
const SINGLE = /^[\0-\x0c\x0e-\x7f\p{Lu}\p{Ll}\p{Lt}\p{N}\p{P}\p{Z}\p{Sc}\p{Sm}]*$/u;

/** A place of a text, and its replacement. */
interface Match {
  readonly bytes: number;
  readonly text: string;
}

/**
 * How a SentencePiece tokenizer changes characters before it splits a text (`precompiled_charsmap`): the length of a
 * double array (darts-clone) as 32 bits, the array of the byte sequences that are replaced, and the replacements, each
 * ended by a zero.
 */
export class Charsmap {
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;
  readonly #known = new Map<string, string | null>();
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #clusters: Intl.Segmenter | undefined;

  private constructor(units: Uint32Array, replacements: Uint8Array) {
    this.#units = units;
    this.#replacements = replacements;
  }

  /** Null if the bytes are no map. */
  static read(bytes: Uint8Array): Charsmap | null {
    if (bytes.length < 8) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = view.getUint32(0, true);
    if (length === 0 || length % 4 !== 0 || length > bytes.length - 4) return null;
    // A longer replacement is no character's: it would let a text grow without bound.
    for (let at = 4 + length, begin = at; at < bytes.length; at++) {
      if (bytes[at] === 0) begin = at + 1;
      else if (at - begin >= LONGEST_REPLACEMENT) return null;
    }
    const units = Uint32Array.from({ length: length / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    return new Charsmap(units, bytes.subarray(4 + length));
  }

  /** The shortest or the longest sequence at a place that is replaced; null if none is. */
  #find(bytes: Uint8Array, from: number, wanted: 'shortest' | 'longest'): Match | null {
    const units = this.#units;
    const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
    let found: { bytes: number; at: number } | null = null;
    let node = offsetOf(units[0]);
    const end = Math.min(bytes.length, from + LONGEST_SEQUENCE);
    for (let i = from; i < end && bytes[i] !== 0; i++) {
      node ^= bytes[i];
      if (node < 0 || node >= units.length) break; // the map is malformed
      const unit = units[node];
      if ((unit & LABEL) >>> 0 !== bytes[i]) break;
      node ^= offsetOf(unit);
      if ((unit & HAS_VALUE) === 0 || node < 0 || node >= units.length) continue;
      found = { bytes: i + 1 - from, at: units[node] & VALUE };
      if (wanted === 'shortest') break;
    }
    if (found === null) return null;
    const close = this.#replacements.indexOf(0, found.at);
    const text = this.#replacements.subarray(found.at, close < 0 ? undefined : close);
    return { bytes: found.bytes, text: this.#decoder.decode(text) };
  }

  /**
   * A text as SentencePiece and llama.cpp change it: at each place the longest sequence.
   */
  longest(text: string): string {
    const bytes = this.#encoder.encode(text);
    const parts: string[] = [];
    let [begin, at] = [0, 0];
    while (at < bytes.length) {
      const match = this.#find(bytes, at, 'longest');
      if (match === null) {
        do at++;
        while (at < bytes.length && (bytes[at] & 0xc0) === 0x80);
        continue;
      }
      parts.push(this.#decoder.decode(bytes.subarray(begin, at)), match.text);
      begin = at += match.bytes;
    }
    parts.push(this.#decoder.decode(bytes.subarray(begin)));
    return parts.join('');
  }

  /**
   * A text as Hugging Face's tokenizers change it: a short cluster of characters by the shortest sequence at its
   * beginning, which stands for all of it; other clusters character by character (`Precompiled` of tokenizers).
   */
  byCluster(text: string): string {
    if (SINGLE.test(text)) return this.#byCharacter(text);
    this.#clusters ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
    let changed = '';
    for (const { segment } of this.#clusters.segment(text)) {
      const isShort = segment.length <= LONGEST_CLUSTER && this.#encoder.encode(segment).length <= LONGEST_CLUSTER;
      changed += (isShort ? this.#replacementOf(segment) : null) ?? this.#byCharacter(segment);
    }
    return changed;
  }

  #byCharacter(text: string): string {
    let changed = '';
    for (const letter of text) changed += this.#replacementOf(letter) ?? letter;
    return changed;
  }

  /** @param part a few bytes at most, of which there are not many. */
  #replacementOf(part: string): string | null {
    let known = this.#known.get(part);
    if (known === undefined) {
      known = this.#find(this.#encoder.encode(part), 0, 'shortest')?.text ?? null;
      this.#known.set(part, known);
    }
    return known;
  }
}

/** The part `normalizer` of tokenizer.json: how a text is changed before it is split. */

type Normalize = (text: string) => string;

type Part =
  | { type: 'Sequence'; normalizers: Part[] }
  | { type: 'NFC' | 'NFD' | 'NFKC' | 'NFKD' | 'Lowercase' | 'Nmt' | 'ByteLevel' }
  | { type: 'Strip'; strip_left: boolean; strip_right: boolean }
  | { type: 'Prepend'; prepend: string }
  | { type: 'Replace'; pattern: v.InferOutput<typeof PatternSchema>; content: string }
  | { type: 'Precompiled'; precompiled_charsmap: string };

/** A text that stands for a part of another: a much longer one is no tokenizer's, and would fill the memory. */
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
