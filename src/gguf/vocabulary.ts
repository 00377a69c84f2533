import { TOKEN_TYPE } from '../weights/gguf/token-types.ts';
import { noGguf, type TokenizerJson } from './tokenizer-json.ts';

/** All tokens by id, and their types. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: Int32Array;
}

/**
 * @param size rows of the embedding. Those without a token get names of their own.
 * @throws GorpError `text/no-gguf`.
 */
export function vocabularyOf({ model, added_tokens: added }: TokenizerJson, size: number): Vocabulary {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(size).fill(TOKEN_TYPE.unused);
  const isByte = (token: string): boolean => model.byte_fallback && /^<0x[0-9A-F]{2}>$/.test(token);
  const pieces: Iterable<[string, number]> =
    model.type === 'BPE'
      ? Object.entries(model.vocab)
      : model.vocab.map(([token], id): [string, number] => [token, id]);
  for (const [token, id] of pieces) {
    tokens[id] = token;
    types[id] = isByte(token) ? TOKEN_TYPE.byte : TOKEN_TYPE.normal;
  }
  const unknown = model.type === 'BPE' ? model.unk_token : model.unk_id == null ? null : tokens[model.unk_id];
  for (const { id, content, special } of added) {
    tokens[id] = content;
    types[id] = content === unknown ? TOKEN_TYPE.unknown : special ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined;
  }
  if (new Set(tokens).size < tokens.length) throw noGguf('two of its tokens have the same text');
  return { tokens, types };
}
