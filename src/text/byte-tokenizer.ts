import type { Tokenizer } from './tokenizer-form.ts';

// Ids of ByT5Tokenizer: its three special tokens, then every byte, then tokens for masked spans.
const [PAD, END, UNKNOWN] = [0, 1, 2];
const FIRST_BYTE = 3;
const FIRST_EXTRA = FIRST_BYTE + 256;
const EXTRA_IDS = 125;
// What ByT5's pre-training puts in place of a hidden span of 20 bytes on average: from the highest byte downwards, none
// of which occurs in UTF-8.
const HIDING = { sentinels: Array.from({ length: 8 }, (_, i) => FIRST_EXTRA - 1 - i), spanTokens: 20 };

const isByte = (id: number): boolean => id >= FIRST_BYTE && id < FIRST_EXTRA;
const textOf = (ids: readonly number[]): string =>
  new TextDecoder().decode(Uint8Array.from(ids, (id) => id - FIRST_BYTE));

/** The tokenizer of ByT5: a token for each byte of UTF-8. */
export function byteTokenizer(): Tokenizer {
  const special = new Map([
    ['<pad>', PAD],
    ['</s>', END],
    ['<unk>', UNKNOWN],
    ...Array.from({ length: EXTRA_IDS }, (_, i): [string, number] => [`<extra_id_${i}>`, FIRST_EXTRA + i]),
  ]);
  const written = /(<pad>|<\/s>|<unk>|<extra_id_\d+>)/;
  const names = new Map([...special].map(([name, id]) => [id, name]));
  const bytes = new TextEncoder();
  const encode = (text: string): number[] =>
    text.split(written).flatMap((part) => {
      const id = special.get(part);
      return id === undefined ? Array.from(bytes.encode(part), (byte) => FIRST_BYTE + byte) : [id];
    });
  return {
    encode,
    encodePrompt: (text) => [...encode(text), END],
    encodeLabel: encode,
    decode: (ids) => textOf(ids.filter(isByte)).replaceAll('\ufffd', ''), // omits what is not UTF-8
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
