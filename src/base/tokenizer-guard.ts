import { GorpError } from './errors.ts';

/**
 * Runs a tokenizer on one text, and stops it if it takes too long: `tokenizer.json` is not trusted, and a regular
 * expression in it can run for ever. Node can stop it within a thread. A browser cannot, so the page ends the worker
 * (src/app/watched-session.ts).
 */
export type TokenizerGuard = <T>(work: () => T) => T;

/** @param model as the settings name it. */
export const tokenizerTooSlow = (model: string, seconds: number): GorpError =>
  new GorpError(
    'text/tokenizer-too-slow',
    `The tokenizer of ${model} takes more than ${seconds} seconds for one text: a regular expression in its tokenizer.json runs too long.`,
    "Use the tokenizer.json that was published with the model's weights, or another model.",
  );
