import type { ChatTurn } from './chat-turn.ts';

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
  /** What {@link encodeTurns} encodes; only by a chat template. */
  promptText?(turns: readonly ChatTurn[]): string;
  /** The tokenizer without the chat template that this one uses. */
  readonly raw?: Tokenizer;
  /** Token ids of an answer, without the token that ends it. */
  encodeLabel(text: string): number[];
  /** Text of token ids; special tokens and ids without an entry are left out. */
  decode(ids: readonly number[]): string;
  /** The same with special tokens written out: what a model reads. */
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
