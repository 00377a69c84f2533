import type { ChatTurn } from './chat-turn.ts';
import { type AddedToken, AddedTokens } from './parts/added-tokens.ts';

/**
 * How a model family marks a prompt: the end-of-text token closes it (T5), or what the tokenizer puts before a text
 * begins it, one token or none (decoder-only models; docs/method.md, section 5).
 */
export type PromptMark = 'closed' | 'begun';

/** A conversation that ends with an answer, as a chat template writes it. */
export interface Answered {
  /** Token ids of all before the answer. */
  readonly source: readonly number[];
  /** Those of the answer, with the token that ends it unless it is much longer than needed. */
  readonly label: readonly number[];
  /** The answer as it is written, with other spaces perhaps. */
  readonly written: string;
  /** Whether all of the answer is written: some templates leave its thought out. */
  readonly isWhole: boolean;
}

/** Tokens that stand for hidden spans of a text, in order, and the mean length of such a span in tokens. */
export interface Hiding {
  readonly sentinels: readonly number[];
  readonly spanTokens: number;
}

/** Converts text to token ids and back, as the Hugging Face files of a model say. */
export interface Tokenizer {
  /** Token ids of a text, without special tokens around it. A special token written out becomes that token. */
  encode(text: string): number[];
  /** Token ids of a whole prompt, with the special token of its {@link PromptMark}. */
  encodePrompt(text: string): number[];
  /** Token ids of a conversation up to where the assistant's answer begins; only by a chat template. */
  encodeTurns?(turns: readonly ChatTurn[]): number[];
  /**
   * Token ids of a conversation that ends with an answer; only by a chat template.
   *
   * @param most how many tokens of the answer are needed: of a much longer one there are only so many, and a few more.
   * @throws GorpError `settings/template-…` if the template cannot write this conversation, or not so that its tokens show
   *   where the answer begins and ends.
   */
  encodeAnswered?(turns: readonly ChatTurn[], answer: string, most: number): Answered;
  /** Returns the text that {@link encodeTurns} encodes; only by a chat template. */
  promptText?(turns: readonly ChatTurn[]): string;
  /** The tokenizer without the chat template that this one uses. */
  readonly raw?: Tokenizer;
  /** Token ids of an answer, without the token that ends it. */
  encodeLabel(text: string): number[];
  /** Text of token ids; special tokens and ids without an entry are left out. */
  decode(ids: readonly number[]): string;
  /** Text of token ids with special tokens written out, as a model reads it. */
  decodeWhole(ids: readonly number[]): string;
  /** Whether a token is special, not text. */
  isSpecial(id: number): boolean;
  /** How the model's pre-training hid spans of text (T5); null if the vocabulary has no tokens for that. */
  readonly hiding: Hiding | null;
  /** How special tokens are written in texts, by the names that templates use; null for missing ones. */
  readonly written: Readonly<Record<'bos_token' | 'eos_token' | 'pad_token' | 'unk_token', string | null>>;
  /** Ends an answer. */
  readonly eosId: number;
  /** Pads the rows of a batch. If the files name no padding token, as LLaMA's, it is the one that begins a text. */
  readonly padId: number;
  /** The token that the files say begins a text; null if there is none (T5). Not every prompt begins with it. */
  readonly bosId: number | null;
  /** Stands for text missing from the vocabulary; null if none can be missing. */
  readonly unkId: number | null;
  /** Number of entries, including added tokens: the highest id + 1. */
  readonly size: number;
}

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

/** The white space of Python's `str.strip`: four separators more than Unicode's. */
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
