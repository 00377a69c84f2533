import { bounded } from './fault.ts';

/**
 * The letters that stand for bytes in a byte-level vocabulary, as in GPT-2: printable bytes for themselves, the others
 * from U+0100 on.
 */
export const BYTE_LETTERS: readonly string[] = (() => {
  let next = 0x100;
  const isPlain = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPlain(byte) ? byte : next++));
})();
const BYTES: ReadonlyMap<string, number> = new Map(BYTE_LETTERS.map((letter, byte) => [letter, byte]));
const utf8 = new TextEncoder();

/** The bytes of a text, each as a letter. @throws GorpError `text/bad-tokenizer` if there are too many. */
export const byteLetters = (text: string): string =>
  Array.from(utf8.encode(bounded(text)), (byte) => BYTE_LETTERS[byte]).join('');

/** The bytes that letters stand for; of a text with other characters its own. */
export function bytesOfLetters(letters: string): number[] | Uint8Array {
  const bytes: number[] = [];
  for (const letter of letters) {
    const byte = BYTES.get(letter);
    if (byte === undefined) return utf8.encode(letters);
    bytes.push(byte);
  }
  return bytes;
}
