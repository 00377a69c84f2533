import { plainChat, type ChatTurn } from '../text/chat-turn.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type Breathe, breathing, type EncodedExample, fitPrompt, fitText, type FittedPrompt } from './fit.ts';
import { encodeBeginning, encodeLong } from './long-text.ts';
import type { Example, Task } from './task.ts';

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
  let [done, cut, shortened] = [0, 0, 0];
  const breathe = breathing(onPiece && (() => onPiece(done)));
  for (const example of examples) {
    if (task.form === 'text') {
      for (const window of await windowsOf(tokenizer, example.label, { sourceLength, answerLength }, breathe)) {
        encoded.push(window);
        from.push(example);
      }
    } else {
      const prompt =
        example.turns === undefined
          ? await fitPrompt(tokenizer, task, example.sentence, sourceLength, breathe)
          : await fitTurns(tokenizer, task.name, example.turns, sourceLength, breathe);
      const answer = [...encodeBeginning(tokenizer, example.label, answerLength), tokenizer.eosId];
      if (prompt.cut) cut++;
      if (answer.length > answerLength) shortened++;
      encoded.push({ source: prompt.ids, label: answer.slice(0, answerLength) });
      from.push(example);
    }
    done++;
    await breathe();
  }
  return { encoded, examples: from, cut, shortened };
}

/** Letters for each token of a conversation that is likely to fit as a whole, and of one that never does. */
const [LIKELY_LETTERS, MOST_LETTERS] = [4, 64];

const lettersOf = (turns: readonly ChatTurn[]): number => turns.reduce((sum, { content }) => sum + content.length, 0);

/** The turns before an answer by the model's chat template, or as plain text if the run does not use it. */
export const encodeTurns = (tokenizer: Tokenizer, turns: readonly ChatTurn[]): number[] =>
  tokenizer.encodeTurns?.(turns) ?? tokenizer.encodePrompt(plainChat(turns));

/**
 * The turns before an answer as at most `sourceLength` token ids: the last ones that fit.
 *
 * @throws as {@link fitText}.
 */
export async function fitTurns(
  tokenizer: Tokenizer,
  task: string,
  turns: readonly ChatTurn[],
  sourceLength: number,
  breathe: Breathe = () => Promise.resolve(),
): Promise<FittedPrompt> {
  const system = turns.filter(({ role }) => role === 'system');
  const spoken = turns.slice(system.length);
  // Exchanges, of which the last is only the user's turn.
  const all = Math.ceil(spoken.length / 2);
  const lastOnes = async (count: number): Promise<number[] | null> => {
    const last = spoken.slice(Math.max(0, spoken.length + 1 - 2 * count));
    if (lettersOf(last) > MOST_LETTERS * sourceLength) return null;
    const ids = encodeTurns(tokenizer, [...system, ...last]);
    await breathe();
    return ids.length <= sourceLength ? ids : null;
  };
  if (lettersOf(spoken) <= LIKELY_LETTERS * sourceLength) {
    const ids = await lastOnes(all);
    if (ids !== null) return { ids, cut: false };
  }
  // More turns take more tokens. Doubled from the end, since the whole may be thousands of times as long as what fits.
  let [fitting, best, tooMany]: [number, number[] | null, number] = [0, null, all + 1];
  for (let count = 1; count < tooMany; count = Math.min(2 * count, all)) {
    const ids = await lastOnes(count);
    if (ids === null) tooMany = count;
    else if (count === all) return { ids, cut: false };
    else [fitting, best] = [count, ids];
  }
  while (fitting + 1 < tooMany) {
    const middle = (fitting + tooMany) >>> 1;
    const ids = await lastOnes(middle);
    if (ids === null) tooMany = middle;
    else [fitting, best] = [middle, ids];
  }
  if (best !== null) return { ids: best, cut: true };
  const { content } = spoken.at(-1) ?? { content: '' };
  const encode = (text: string): number[] => encodeTurns(tokenizer, [...system, { role: 'user', content: text }]);
  return { ...(await fitText(encode, task, content, sourceLength, breathe)), cut: true };
}

/**
 * A text in windows. A decoder learns every token of a window after the first; an encoder-decoder reads the first part
 * and learns the rest. The text's end is learned too.
 */
async function windowsOf(
  tokenizer: Tokenizer,
  text: string,
  { sourceLength, answerLength }: { sourceLength: number; answerLength: number },
  breathe: Breathe,
): Promise<EncodedExample[]> {
  const plain = tokenizer.raw ?? tokenizer;
  const { eosId } = plain;
  const isClosed = plain.encodePrompt('a').at(-1) === eosId;
  const front = isClosed ? [] : plain.encodePrompt('');
  const ids = await encodeLong(plain, text, breathe);
  ids.push(eosId);
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
