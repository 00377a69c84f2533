/**
 * Whether a tokenizer_config.json belongs to a model whose tokens are bytes, such as ByT5: it has no tokenizer.json.
 */
export const hasByteTokens = (config: unknown): boolean =>
  typeof config === 'object' &&
  config !== null &&
  'tokenizer_class' in config &&
  config.tokenizer_class === 'ByT5Tokenizer';
