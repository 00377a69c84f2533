import { GorpError } from '../base/errors.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { encodeLabel } from './labels.ts';
import { promptFrame } from './prompt.ts';
import type { Example, Task } from './task.ts';

/** An example as token ids: the prompt with its special token, and the label with its end token. */
export interface EncodedExample {
  readonly source: readonly number[];
  readonly label: readonly number[];
}

/** Milliseconds of tokenising after which other work on the thread gets a turn. */
export const PIECE = 50;

/** Gives other work on the thread a turn if it is due, or throws to stop. */
export type Breathe = () => Promise<void>;

/** @param onPiece called and awaited every {@link PIECE} milliseconds. */
export function breathing(onPiece?: () => Promise<void>): Breathe {
  let since = performance.now();
  return async () => {
    if (onPiece === undefined || performance.now() - since < PIECE) return;
    await onPiece();
    since = performance.now();
  };
}

/** At least what prose takes, so that most texts that fit are recognised at the first try. */
const CHARACTERS_PER_TOKEN = 6;

/** A prompt's token ids, and whether its sentence was cut. */
export interface FittedPrompt {
  ids: number[];
  cut: boolean;
}

/**
 * A task's prompt for a sentence as at most `sourceLength` token ids, including its special token.
 *
 * @param breathe as in {@link fitText}.
 * @throws GorpError `tasks/prompt-too-long` if the prompt does not fit even without a sentence.
 */
export function fitPrompt(
  tokenizer: Tokenizer,
  task: Task,
  sentence: string,
  sourceLength: number,
  breathe?: Breathe,
): Promise<FittedPrompt> {
  const { before, after } = promptFrame(task);
  return fitText((text) => tokenizer.encodePrompt(before + text + after), task.name, sentence, sourceLength, breathe);
}

/**
 * A prompt around a text as at most `sourceLength` token ids.
 *
 * A prompt that fits is tokenised unchanged. Otherwise only the text is cut, after a word, or inside the first word if
 * even that does not fit. (The released code instead cuts the end of the prompt, and with it "Answer:".)
 *
 * @param tokens of the whole prompt around a text.
 * @param breathe called and awaited after each tokenisation: one may take long, by a chat template for instance.
 * @throws GorpError `tasks/prompt-too-long` if the prompt does not fit even without a text, and what `breathe` throws.
 */
export async function fitText(
  tokens: (text: string) => number[],
  task: string,
  sentence: string,
  sourceLength: number,
  breathe: Breathe = () => Promise.resolve(),
): Promise<FittedPrompt> {
  const encode = async (text: string): Promise<number[]> => {
    const ids = tokens(text);
    await breathe();
    return ids;
  };
  // A prefix that is already too long suffices; the whole text may be thousands of times as long.
  let beginning = '';
  for (let length = CHARACTERS_PER_TOKEN * sourceLength; ; length *= 2) {
    beginning = beginningOf(sentence, length);
    const ids = await encode(beginning);
    if (ids.length > sourceLength) break;
    if (beginning.length === sentence.length) return { ids, cut: false };
  }

  // The longest part that fits, by bisection: more text hardly ever takes fewer tokens.
  const longest = async (cuts: readonly number[]): Promise<number[] | null> => {
    let best: number[] | null = null;
    let low = 0;
    let high = cuts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const ids = await encode(beginning.slice(0, cuts[middle]));
      if (ids.length <= sourceLength) {
        best = ids;
        low = middle + 1;
      } else high = middle;
    }
    return best;
  };
  const words = ends(beginning, /\S+/g);
  const ids =
    (await longest(words)) ?? (await longest(ends(beginning.slice(0, words[0] ?? 0), /./gsu))) ?? (await encode(''));
  if (ids.length > sourceLength) {
    throw new GorpError(
      'tasks/prompt-too-long',
      `The prompt of task ${task} takes ${ids.length} tokens even without a text, but only ${sourceLength} are allowed.`,
      'Raise the prompt length (training.sourceLength), or shorten the question or the labels of this task.',
    );
  }
  return { ids, cut: true };
}

/**
 * Encodes examples of a task, in order.
 *
 * @param sourceLength the longest prompt in tokens, including special tokens.
 * @param onPiece called and awaited every {@link PIECE} milliseconds with the number of encoded examples.
 * @returns the encoded examples, and the number of cut sentences.
 * @throws GorpError `tasks/prompt-too-long`, and what `onPiece` throws.
 */
export async function encodeExamples(
  tokenizer: Tokenizer,
  task: Task,
  examples: readonly Example[],
  sourceLength: number,
  onPiece?: (done: number) => Promise<void>,
): Promise<{ encoded: EncodedExample[]; cut: number }> {
  const encoded: EncodedExample[] = [];
  const labels = new Map<string, readonly number[]>();
  let cut = 0;
  const breathe = breathing(onPiece && (() => onPiece(encoded.length)));
  for (const { sentence, label } of examples) {
    const prompt = await fitPrompt(tokenizer, task, sentence, sourceLength, breathe);
    if (prompt.cut) cut++;
    let ids = labels.get(label);
    if (ids === undefined) labels.set(label, (ids = encodeLabel(tokenizer, label)));
    encoded.push({ source: prompt.ids, label: ids });
    await breathe();
  }
  return { encoded, cut };
}

/** The first `length` code units of a text, plus one if they would split a character. */
function beginningOf(text: string, length: number): string {
  const last = text.codePointAt(length - 1) ?? 0;
  return text.slice(0, last > 0xffff ? length + 1 : length);
}

/** Where each match ends in the text. */
function ends(text: string, pattern: RegExp): number[] {
  return Array.from(text.matchAll(pattern), (match) => match.index + match[0].length);
}
