import { GorpError } from '../base/errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { promptFrame } from './prompt.ts';
import type { Example, Task } from './task.ts';

/** The longest source and label in tokens, special tokens included. */
export interface Lengths {
  sourceLength: number;
  targetLength: number;
}

/** An example as a model reads it: token ids of the prompt, marked by a special token, and of the label, closed by end-of-text. */
export interface EncodedExample {
  readonly source: readonly number[];
  readonly label: readonly number[];
}

/** Milliseconds of tokenising after which others of the thread get a turn. */
const PIECE = 50;

/** What prose takes, or less: a text that fits is mostly found to fit at once. */
const CHARACTERS_PER_TOKEN = 6;

/** A prompt's token ids, and whether its sentence was cut. */
export interface FittedPrompt {
  ids: number[];
  cut: boolean;
}

/**
 * A task's prompt for a sentence as at most `sourceLength` token ids, the special token that marks it included.
 *
 * A prompt that fits is tokenised as it is. Otherwise the sentence, and only it, is cut behind a word; when not even its
 * first word fits, inside that word. (The released code cuts the prompt's end instead, and with it "Answer:".)
 *
 * @throws GorpError `tasks/prompt-too-long` when the prompt does not fit without any sentence.
 */
export function fitPrompt(tokenizer: Tokenizer, task: Task, sentence: string, sourceLength: number): FittedPrompt {
  const { before, after } = promptFrame(task);
  const encode = (text: string): number[] => tokenizer.encodePrompt(before + text + after);
  // A beginning that does not fit holds all that can be of use; a text may be thousands of times as long.
  let beginning = '';
  for (let length = CHARACTERS_PER_TOKEN * sourceLength; ; length *= 2) {
    beginning = beginningOf(sentence, length);
    const ids = encode(beginning);
    if (ids.length > sourceLength) break;
    if (beginning.length === sentence.length) return { ids, cut: false };
  }

  // The longest part that fits, by bisection: more text never takes fewer tokens, or hardly ever.
  const longest = (cuts: readonly number[]): number[] | null => {
    let best: number[] | null = null;
    let low = 0;
    let high = cuts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const ids = encode(beginning.slice(0, cuts[middle]));
      if (ids.length <= sourceLength) {
        best = ids;
        low = middle + 1;
      } else high = middle;
    }
    return best;
  };
  const words = ends(beginning, /\S+/g);
  const ids = longest(words) ?? longest(ends(beginning.slice(0, words[0] ?? 0), /./gsu)) ?? encode('');
  if (ids.length > sourceLength) {
    throw new GorpError(
      'tasks/prompt-too-long',
      `The prompt of task ${task.name} takes ${ids.length} tokens without any text, but only ${sourceLength} are allowed.`,
      'Raise the source length, or shorten the instruction or the labels of this task.',
    );
  }
  return { ids, cut: true };
}

/** A label as at most `targetLength` token ids, the token that ends an answer last. */
export function fitLabel(tokenizer: Tokenizer, label: string, targetLength: number): number[] {
  return [...tokenizer.encodeLabel(label).slice(0, targetLength - 1), tokenizer.eosId];
}

/**
 * Encodes examples of a task, in their order.
 *
 * @param onPiece is told every {@link PIECE} how many are done, and waited for.
 * @returns the encoded examples, and of how many the sentence was cut.
 * @throws GorpError `tasks/prompt-too-long`, and what `onPiece` throws.
 */
export async function encodeExamples(
  tokenizer: Tokenizer,
  task: Task,
  examples: readonly Example[],
  { sourceLength, targetLength }: Lengths,
  onPiece?: (done: number) => Promise<void>,
): Promise<{ encoded: EncodedExample[]; cut: number }> {
  const encoded: EncodedExample[] = [];
  let cut = 0;
  let since = performance.now();
  for (const { sentence, label } of examples) {
    const prompt = fitPrompt(tokenizer, task, sentence, sourceLength);
    if (prompt.cut) cut++;
    encoded.push({ source: prompt.ids, label: fitLabel(tokenizer, label, targetLength) });
    if (onPiece === undefined || performance.now() - since < PIECE) continue;
    await onPiece(encoded.length);
    since = performance.now();
  }
  return { encoded, cut };
}

/** The first characters of a text, `length` at least, none of them torn in two. */
function beginningOf(text: string, length: number): string {
  const last = text.codePointAt(length - 1) ?? 0;
  return text.slice(0, last > 0xffff ? length + 1 : length);
}

/** Where each match ends in the text. */
function ends(text: string, pattern: RegExp): number[] {
  return Array.from(text.matchAll(pattern), (match) => match.index + match[0].length);
}
