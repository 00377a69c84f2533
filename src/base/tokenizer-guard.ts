import { GorpError } from './errors.ts';

/**
 * Lets a tokenizer work on one text, and gives up when that takes too long: `tokenizer.json` comes from anywhere, and a
 * regular expression in it can take for ever. Node can do that within a thread. In a browser nothing can, so the page ends
 * the worker (src/app/watched-session.ts).
 */
export type TokenizerGuard = <T>(work: () => T) => T;

/** @param model as the settings name it. */
export const tokenizerTooSlow = (model: string, seconds: number): GorpError =>
  new GorpError(
    'text/tokenizer-too-slow',
    `The tokenizer of ${model} takes more than ${seconds} seconds for one text: a regular expression in its tokenizer.json has too many ways to match.`,
    "Use the tokenizer.json that was published with the model's weights, or another model.",
  );
