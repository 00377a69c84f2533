import type { Score } from '../../text/scores.ts';

/** The answer of the model to one example. */
export interface Answer extends Score {
  text: string;
  /** Tokens written, including the end-of-text token. */
  generated: number;
  /** −log p of the right label, summed over its tokens, and their number. */
  loss: number;
  labelTokens: number;
}
