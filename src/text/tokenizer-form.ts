/**
 * How a model family marks a prompt: closed by the end-of-text token (T5), or begun by what its tokenizer puts before a
 * text, one token or none (decoder-only models; docs/method.md, section 5).
 */
export type PromptMark = 'closed' | 'begun';

/** Text to token ids and back, as the Hugging Face files of a model say. */
export interface Tokenizer {
  /** Token ids of a text, without special tokens in front or behind. A special token written out becomes that token. */
  encode(text: string): number[];
  /** Token ids of a whole prompt, with the special token that its {@link PromptMark} asks for. */
  encodePrompt(text: string): number[];
  /** Token ids of an answer, without the token that ends it. */
  encodeLabel(text: string): number[];
  /** Text of token ids; special tokens and ids without an entry are left out. */
  decode(ids: readonly number[]): string;
  /** The same with special tokens as they are written: what a model reads. */
  decodeWhole(ids: readonly number[]): string;
  /** Whether a token is a special one, and no text. */
  isSpecial(id: number): boolean;
  /** How special tokens are written in texts, as templates name them; null for those that there are not. */
  readonly written: Readonly<Record<'bos_token' | 'eos_token' | 'pad_token' | 'unk_token', string | null>>;
  /** Ends an answer. */
  readonly eosId: number;
  /** Fills up rows of a batch. Where the files name no padding token, as LLaMA's, it is the one that begins a text. */
  readonly padId: number;
  /** The token named as the one that begins a text; null where there is none (T5). Not every prompt begins with it. */
  readonly bosId: number | null;
  /** Stands for what the vocabulary lacks; null where nothing can be lacking. */
  readonly unkId: number | null;
  /** Number of entries, added tokens included: the highest id + 1. */
  readonly size: number;
}
