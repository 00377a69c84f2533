import { GorpError, reportOf } from '../base/errors.ts';
import { type ChatTurn, plainChat } from '../text/chat-turn.ts';
import type { Answered, Tokenizer } from '../text/tokenizer.ts';
import { rowsNamed } from './answered.ts';
import { encodeLabel } from './labels.ts';
import { promptFrame } from './prompt.ts';
import type { Example, Task } from './task.ts';

/** An example as token ids: the prompt with its special token, and the label with its end token. */
export interface EncodedExample {
  readonly source: readonly number[];
  readonly label: readonly number[];
}

/** Milliseconds of tokenising after which other work on the thread gets a turn. */
const PIECE = 50;

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

/** A prompt as token ids; by a chat template, those before an answer, and with them the answer if it is known. */
export interface Prompt {
  readonly ids: readonly number[];
  readonly answered?: Answered;
}

/** A prompt, and whether its sentence was cut. */
export interface FittedPrompt extends Prompt {
  readonly cut: boolean;
}

/** How a tokenizer encodes prompts: of a text, and of the turns of a conversation, as plain text without a template. */
export interface Prompting {
  readonly ofText: (text: string) => Prompt;
  readonly ofTurns: (turns: readonly ChatTurn[]) => Prompt;
}

/** @param answer that follows the prompts, and how many of its tokens are needed; a chat template may depend on it. */
export function promptingOf(tokenizer: Tokenizer, answer?: { text: string; most: number }): Prompting {
  const ofTurns = (turns: readonly ChatTurn[]): Prompt => {
    const answered = answer && tokenizer.encodeAnswered?.(turns, answer.text, answer.most);
    if (answered) return { ids: answered.source, answered };
    return { ids: tokenizer.encodeTurns?.(turns) ?? tokenizer.encodePrompt(plainChat(turns)) };
  };
  const isAnswered = answer !== undefined && tokenizer.encodeAnswered !== undefined;
  const ofText = (text: string): Prompt =>
    isAnswered ? ofTurns([{ role: 'user', content: text }]) : { ids: tokenizer.encodePrompt(text) };
  return { ofTurns, ofText };
}

/**
 * A task's prompt for a sentence as at most `sourceLength` token ids, including its special token.
 *
 * @param prompting as {@link promptingOf} gives it.
 * @param breathe as in {@link fitText}.
 * @throws GorpError `tasks/prompt-too-long` if the prompt does not fit even without a sentence.
 */
export function fitPrompt(
  { ofText }: Prompting,
  task: Task,
  sentence: string,
  sourceLength: number,
  breathe?: Breathe,
): Promise<FittedPrompt> {
  const { before, after } = promptFrame(task);
  return fitText((text) => ofText(before + text + after), task.name, sentence, sourceLength, breathe);
}

/**
 * A prompt around a text as at most `sourceLength` token ids.
 *
 * A prompt that fits is tokenised unchanged. Otherwise only the text is cut, after a word, or inside the first word if
 * even that does not fit. (The released code instead cuts the end of the prompt, and with it "Answer:".)
 *
 * @param prompt the whole prompt around a text.
 * @param breathe called and awaited after each tokenisation: one may take long, by a chat template for instance.
 * @throws GorpError `tasks/prompt-too-long` if the prompt does not fit even without a text, and what `breathe` throws.
 */
export async function fitText(
  prompt: (text: string) => Prompt,
  task: string,
  sentence: string,
  sourceLength: number,
  breathe: Breathe = () => Promise.resolve(),
): Promise<FittedPrompt> {
  const encode = async (text: string): Promise<Prompt> => {
    const encoded = prompt(text);
    await breathe();
    return encoded;
  };
  // A prefix that is already too long suffices; the whole text may be thousands of times as long.
  let beginning = '';
  for (let length = CHARACTERS_PER_TOKEN * sourceLength; ; length *= 2) {
    beginning = beginningOf(sentence, length);
    const whole = await encode(beginning);
    if (whole.ids.length > sourceLength) break;
    if (beginning.length === sentence.length) return { ...whole, cut: false };
  }

  // The longest part that fits, by bisection: more text hardly ever takes fewer tokens.
  const longest = async (cuts: readonly number[]): Promise<Prompt | null> => {
    let best: Prompt | null = null;
    let low = 0;
    let high = cuts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const part = await encode(beginning.slice(0, cuts[middle]));
      if (part.ids.length <= sourceLength) {
        best = part;
        low = middle + 1;
      } else high = middle;
    }
    return best;
  };
  const words = ends(beginning, /\S+/g);
  const best =
    (await longest(words)) ?? (await longest(ends(beginning.slice(0, words[0] ?? 0), /./gsu))) ?? (await encode(''));
  if (best.ids.length > sourceLength) {
    throw new GorpError(
      'tasks/prompt-too-long',
      `The prompt of task ${task} takes ${best.ids.length} tokens even without a text, but only ${sourceLength} are allowed.`,
      'Raise the prompt length (training.sourceLength), or shorten the question or the labels of this task.',
    );
  }
  return { ...best, cut: true };
}

/** Encoded examples of a task, in order, but for those that are refused. A text gives several, one per window. */
export interface Encoded {
  readonly encoded: readonly EncodedExample[];
  /** The example that each comes from, with the answer as a chat template writes it. */
  readonly examples: readonly Example[];
  /** Those that a chat template cannot write, or not so that its tokens show where the answer begins; and why. */
  readonly refused: readonly { readonly example: Example; readonly why: string }[];
  /** How many prompts are cut, answers shortened, and thoughts left out by the chat template. */
  readonly cut: number;
  readonly shortened: number;
  readonly thoughtless: number;
}

/**
 * Encodes examples of a task with labels.
 *
 * @param sourceLength the longest prompt in tokens, including special tokens.
 * @param onPiece called and awaited every {@link PIECE} milliseconds with the number of examples done.
 * @throws GorpError `tasks/prompt-too-long`, and what `onPiece` throws.
 */
export async function encodeExamples(
  tokenizer: Tokenizer,
  task: Task,
  examples: readonly Example[],
  sourceLength: number,
  onPiece?: (done: number) => Promise<void>,
): Promise<Encoded> {
  const labels = new Map<string, readonly number[]>();
  return encodeEach(examples, onPiece, async (example, found, breathe) => {
    const { sentence, label } = example;
    let ids = labels.get(label);
    if (ids === undefined) labels.set(label, (ids = encodeLabel(tokenizer, label)));
    const prompting = promptingOf(tokenizer, { text: label, most: ids.length });
    const prompt = await fitPrompt(prompting, task, sentence, sourceLength, breathe);
    const written = prompt.answered?.label;
    if (written && !(written.length === ids.length && ids.every((id, i) => id === written[i])))
      throw new GorpError(
        'settings/template-tokens',
        `The model's chat template writes the label “${label}” otherwise in other prompts.`,
        'Choose raw prompts, or rename the label.',
      );
    if (prompt.cut) found.cut++;
    found.encoded.push({ source: prompt.ids, label: ids });
    found.examples.push(example);
  });
}

/** {@link Encoded} while it is made. */
interface EncodedSoFar {
  readonly encoded: EncodedExample[];
  readonly examples: Example[];
  readonly refused: { example: Example; why: string }[];
  cut: number;
  shortened: number;
  thoughtless: number;
}

/** Encodes examples one after the other. One that a chat template cannot write is refused, with the template's reason. */
export async function encodeEach(
  examples: readonly Example[],
  onPiece: ((done: number) => Promise<void>) | undefined,
  encode: (example: Example, found: EncodedSoFar, breathe: Breathe) => Promise<void>,
): Promise<Encoded> {
  const found: EncodedSoFar = { encoded: [], examples: [], refused: [], cut: 0, shortened: 0, thoughtless: 0 };
  let done = 0;
  const breathe = breathing(onPiece && (() => onPiece(done)));
  for (const example of examples) {
    try {
      await encode(example, found, breathe);
    } catch (thrown) {
      const { code, message } = reportOf(thrown);
      if (!code.startsWith('settings/template-')) throw thrown;
      found.refused.push({ example, why: message });
    }
    done++;
    await breathe();
  }
  return found;
}

/** @throws GorpError `tasks/row-unwritable`, with the numbers of the refused rows and the reason, if there are any. */
export function checkRefused(task: string, refused: Encoded['refused']): void {
  if (refused.length === 0) return;
  const reasons = [...new Set(refused.map(({ why }) => why))];
  const sentences = reasons.map((reason) => {
    const some = refused.filter(({ why }) => why === reason);
    const rows = some.flatMap(({ example: { row } }) => (row === undefined ? [] : [row])).sort((a, b) => a - b);
    const which = rows.length === 0 ? `${some.length} ${some.length === 1 ? 'example' : 'examples'}` : rowsNamed(rows);
    return `${which} cannot be learned: ${reason}`;
  });
  throw new GorpError(
    'tasks/row-unwritable',
    `Task ${task}: ${sentences.join(' ')}`,
    'Correct or remove these rows in the file, choose raw prompts, or choose a model with another chat template.',
  );
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
