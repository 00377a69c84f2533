import { type AddedToken, AddedTokens } from './parts/added-tokens.ts';
import type { Tokenizer } from './tokenizer-form.ts';

// Ids of ByT5Tokenizer: its three special tokens, then every byte, then tokens for masked spans.
const [PAD, END, UNKNOWN] = [0, 1, 2];
const FIRST_BYTE = 3;
const FIRST_EXTRA = FIRST_BYTE + 256;
const EXTRA_IDS = 125;
// What ByT5's pre-training puts in place of a hidden span of 20 bytes on average: from the highest byte downwards, none
// of which occurs in UTF-8.
const HIDING = { sentinels: Array.from({ length: 8 }, (_, i) => FIRST_EXTRA - 1 - i), spanTokens: 20 };

/** The white space around the first three belongs to them. */
const special = (content: string, id: number): AddedToken => {
  const strips = id < FIRST_BYTE;
  return { id, content, special: true, single_word: false, lstrip: strips, rstrip: strips, normalized: false };
};
const SPECIAL: readonly AddedToken[] = [
  ...['<pad>', '</s>', '<unk>'].map((content, id) => special(content, [PAD, END, UNKNOWN][id])),
  ...Array.from({ length: EXTRA_IDS }, (_, i) => special(`<extra_id_${i}>`, FIRST_EXTRA + i)),
];

/** What `str.strip` of Python takes: four separators more than Unicode's white space. */
const PYTHON_SPACE = /[\p{White_Space}\x1c-\x1f]/u;

const isByte = (id: number): boolean => id >= FIRST_BYTE && id < FIRST_EXTRA;
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const textOf = (ids: readonly number[]): string => utf8.decode(Uint8Array.from(ids, (id) => id - FIRST_BYTE));

/** The text of bytes without what is not UTF-8. */
function validText(ids: readonly number[]): string {
  const bytes = ids.filter(isByte).map((id) => String.fromCharCode(id - FIRST_BYTE));
  // A � may also be in the text.
  const parts = bytes.join('').split('\xef\xbf\xbd');
  const valid = (part: string): string =>
    utf8.decode(Uint8Array.from(part, (byte) => byte.charCodeAt(0))).replaceAll('\ufffd', '');
  return parts.map(valid).join('\ufffd');
}

/**
 * The tokenizer of ByT5: a token for each byte of UTF-8.
 *
 * @param finish what becomes of the text of an answer.
 */
export function byteTokenizer(finish = (text: string): string => text): Tokenizer {
  const found = new AddedTokens(SPECIAL, false, undefined, PYTHON_SPACE);
  const names = new Map(SPECIAL.map(({ id, content }) => [id, content]));
  const bytes = new TextEncoder();
  const encode = (text: string): number[] =>
    found.encode(text, (between) => Array.from(bytes.encode(between.text), (byte) => FIRST_BYTE + byte));
  return {
    encode,
    encodePrompt: (text) => [...encode(text), END],
    encodeLabel: encode,
    decode: (ids) => finish(validText(ids)),
    decodeWhole: (ids) => {
      const parts: (number[] | string)[] = [];
      for (const id of ids) {
        const last = parts.at(-1);
        if (!isByte(id)) parts.push(names.get(id) ?? '');
        else if (typeof last === 'object') last.push(id);
        else parts.push([id]);
      }
      return parts.map((part) => (typeof part === 'string' ? part : textOf(part))).join('');
    },
    isSpecial: (id) => !isByte(id),
    hiding: HIDING,
    written: { bos_token: null, eos_token: '</s>', pad_token: '<pad>', unk_token: '<unk>' },
    eosId: END,
    padId: PAD,
    bosId: null,
    unkId: UNKNOWN,
    size: FIRST_EXTRA + EXTRA_IDS,
  };
}
