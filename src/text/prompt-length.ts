import { GorpError } from '../base/errors.ts';

// Tokenizers take some microseconds for each character, so these are read within two seconds or so. The longest
// published models read 131,072 tokens, about as many characters as the first limit.
const MAX_PROMPT = 524_288;
/** Without white space: no tokenizer can split such a word before it looks for its tokens. */
const MAX_WORD = 100_000;

/** Checks that a prompt is short enough to be tokenised at all. @throws GorpError `text/prompt-too-long`. */
export function checkPromptLength(text: string): void {
  if (text.length > MAX_PROMPT) throw tooLong('The prompt', text.length, MAX_PROMPT);
  if (text.length <= MAX_WORD) return;
  const longest = text.split(/\s+/).reduce((most, { length }) => Math.max(most, length), 0);
  if (longest > MAX_WORD) throw tooLong('A word of the prompt', longest, MAX_WORD);
}

const tooLong = (what: string, length: number, most: number): GorpError =>
  new GorpError(
    'text/prompt-too-long',
    `${what} has ${length} characters; ${most} can be read at most.`,
    'Shorten it, or check that it is text: encoded images and other files have such words.',
  );
