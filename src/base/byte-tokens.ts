/** Whether a tokenizer_config.json is that of a model whose tokens are bytes, as ByT5's are: it has no tokenizer.json. */
export const hasByteTokens = (config: unknown): boolean =>
  typeof config === 'object' &&
  config !== null &&
  'tokenizer_class' in config &&
  config.tokenizer_class === 'ByT5Tokenizer';
