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

/** What is replaced at a place, and by what. */
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
