/** How the weights of a GGUF export are stored. */
export const GGUF_DTYPES = ['f16', 'q8_0', 'q4_0', 'f32'] as const;
export type GgufDtype = (typeof GGUF_DTYPES)[number];

/** The same in words. */
export const GGUF_WORDS: Readonly<Record<GgufDtype, string>> = {
  f16: 'F16',
  q8_0: 'Q8_0',
  q4_0: 'Q4_0',
  f32: 'F32',
};
