import { plainChat, type ChatTurn } from '../text/chat-turn.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type EncodedExample, fitPrompt, fitText, type FittedPrompt, PIECE } from './fit.ts';
import type { Example, Task } from './task.ts';

/** The longest free answer in tokens, with its end, if the settings leave it open. */
export const FREE_ANSWER = 128;

/** Encoded examples with free answers. A text gives several, one per window. */
export interface EncodedFree {
  readonly encoded: readonly EncodedExample[];
  /** The example that each comes from. */
  readonly examples: readonly Example[];
  /** Number of prompts cut, and of answers shortened. */
  readonly cut: number;
  readonly shortened: number;
}

/**
 * Encodes examples with free answers, in order. Prompts are cut like those of labels; conversations lose their oldest
 * turns first. A longer answer than `answerLength` is learned only so far, without an end. A text is cut into windows.
 *
 * @param sourceLength the longest prompt, and `answerLength` the longest answer, in tokens.
 * @param onPiece called and awaited every {@link PIECE} milliseconds with the number of examples done.
 * @throws GorpError `tasks/prompt-too-long`, and what `onPiece` throws.
 */
export async function encodeFree(
  tokenizer: Tokenizer,
  task: Task,
  examples: readonly Example[],
  { sourceLength, answerLength }: { sourceLength: number; answerLength: number },
  onPiece?: (done: number) => Promise<void>,
): Promise<EncodedFree> {
  const encoded: EncodedExample[] = [];
  const from: Example[] = [];
  let [cut, shortened, since] = [0, 0, performance.now()];
  for (const [i, example] of examples.entries()) {
    if (task.form === 'text') {
      for (const window of windowsOf(tokenizer, example.label, sourceLength, answerLength)) {
        encoded.push(window);
        from.push(example);
      }
    } else {
      const prompt =
        example.turns === undefined
          ? fitPrompt(tokenizer, task, example.sentence, sourceLength)
          : fitTurns(tokenizer, task.name, example.turns, sourceLength);
      const answer = [...tokenizer.encodeLabel(example.label), tokenizer.eosId];
      if (prompt.cut) cut++;
      if (answer.length > answerLength) shortened++;
      encoded.push({ source: prompt.ids, label: answer.slice(0, answerLength) });
      from.push(example);
    }
    if (onPiece === undefined || performance.now() - since < PIECE) continue;
    await onPiece(i + 1);
    since = performance.now();
  }
  return { encoded, examples: from, cut, shortened };
}

/** The turns before an answer by the model's chat template, or as plain text if the run does not use it. */
export const encodeTurns = (tokenizer: Tokenizer, turns: readonly ChatTurn[]): number[] =>
  tokenizer.encodeTurns?.(turns) ?? tokenizer.encodePrompt(plainChat(turns));

/** The turns before an answer as at most `sourceLength` token ids. @throws as {@link fitText}. */
export function fitTurns(
  tokenizer: Tokenizer,
  task: string,
  turns: readonly ChatTurn[],
  sourceLength: number,
): FittedPrompt {
  const system = turns.filter(({ role }) => role === 'system');
  const spoken = turns.slice(system.length);
  for (let from = 0; from < spoken.length; from += 2) {
    const ids = encodeTurns(tokenizer, [...system, ...spoken.slice(from)]);
    if (ids.length <= sourceLength) return { ids, cut: from > 0 };
  }
  const { content } = spoken.at(-1) ?? { content: '' };
  const encode = (text: string): number[] => encodeTurns(tokenizer, [...system, { role: 'user', content: text }]);
  return { ...fitText(encode, task, content, sourceLength), cut: true };
}

/**
 * A text in windows. A decoder learns every token of a window after the first; an encoder-decoder reads the first part
 * and learns the rest. The text's end is learned too.
 */
function windowsOf(tokenizer: Tokenizer, text: string, sourceLength: number, answerLength: number): EncodedExample[] {
  const plain = tokenizer.raw ?? tokenizer;
  const { eosId } = plain;
  const isClosed = plain.encodePrompt('a').at(-1) === eosId;
  const front = isClosed ? [] : plain.encodePrompt('');
  const ids = [...plain.encode(text), eosId];
  const read = isClosed ? Math.max(1, Math.min(sourceLength - 1, answerLength)) : front.length === 0 ? 1 : 0;
  const windows: EncodedExample[] = [];
  for (let at = 0; at < ids.length; at += read + answerLength) {
    const window = ids.slice(at, at + read + answerLength);
    // The last window may be too short to read as much.
    const first = isClosed ? Math.min(read, window.length >> 1) : read;
    if (window.length <= first || (isClosed && first === 0)) continue;
    windows.push({
      source: [...front, ...window.slice(0, first), ...(isClosed ? [eosId] : [])],
      label: window.slice(first),
    });
  }
  return windows;
}
