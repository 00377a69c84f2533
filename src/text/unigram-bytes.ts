import type { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';

type Model = NonNullable<HuggingFaceTokenizer['model']>;

const BYTES = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);

/**
 * Makes a Unigram model write text that is not a piece as its UTF-8 bytes, as `byte_fallback` demands (umT5). The
 * library supports that only for BPE, and gives one unknown token otherwise:
 * github.com/huggingface/tokenizers.js/issues/26. A vocabulary without pieces for all 256 bytes stays as it is, as in
 * Hugging Face's own tokenizers.
 */
export function addByteFallback(model: Model): void {
  if (!BYTES.every((piece) => model.tokens_to_ids.has(piece))) return;
  const encode = model.encode.bind(model);
  const utf8 = new TextEncoder();
  const bytesOf = (text: string): string[] => [...utf8.encode(text)].map((byte) => BYTES[byte]);
  model.encode = (words) =>
    encode(words).flatMap((piece) => (model.tokens_to_ids.has(piece) ? [piece] : bytesOf(piece)));
}
