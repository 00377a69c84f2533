/** Types of tokens (`llama_token_type`). */
export const TOKEN_TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** What SentencePiece writes for a space. */
export const SPACE = '▁';
