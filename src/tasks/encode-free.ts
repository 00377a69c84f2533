import type { ChatTurn } from '../text/chat-turn.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import {
  type Breathe,
  type Encoded,
  encodeEach,
  type EncodedExample,
  fitPrompt,
  fitText,
  type FittedPrompt,
  type Prompt,
  type Prompting,
  promptingOf,
} from './fit.ts';
import { encodeBeginning, encodeLong } from './long-text.ts';
import type { Example, Task } from './task.ts';

/**
 * Encodes examples with free answers, in order. Prompts are cut like those of labels; conversations lose their oldest
 * turns first. A longer answer than `answerLength` is learned only so far, without an end. A text is cut into windows.
 *
 * @param sourceLength the longest prompt, and `answerLength` the longest answer, in tokens.
 * @param onPiece called and awaited every {@link PIECE} milliseconds with the number of examples done.
 * @throws GorpError `tasks/prompt-too-long`, and what `onPiece` throws.
 */
export function encodeFree(
  tokenizer: Tokenizer,
  task: Task,
  examples: readonly Example[],
  lengths: { sourceLength: number; answerLength: number },
  onPiece?: (done: number) => Promise<void>,
): Promise<Encoded> {
  const { sourceLength, answerLength } = lengths;
  return encodeEach(examples, onPiece, async (example, found, breathe) => {
    const { label: text, sentence, turns } = example;
    if (task.form === 'text') {
      for (const window of await windowsOf(tokenizer, text, lengths, breathe)) {
        found.encoded.push(window);
        found.examples.push(example);
      }
      return;
    }
    const prompting = promptingOf(tokenizer, { text, most: answerLength });
    const prompt =
      turns === undefined
        ? await fitPrompt(prompting, task, sentence, sourceLength, breathe)
        : await fitTurns(prompting, task.name, turns, sourceLength, breathe);
    const { answered } = prompt;
    const label = answered?.label ?? [...encodeBeginning(tokenizer, text, answerLength), tokenizer.eosId];
    if (prompt.cut) found.cut++;
    if (label.length > answerLength) found.shortened++;
    if (answered?.isWhole === false) found.thoughtless++;
    found.encoded.push({ source: prompt.ids, label: label.slice(0, answerLength) });
    found.examples.push(answered ? asWritten(example, answered.written.trim()) : example);
  });
}

/** An example with the answer that a template writes, if that differs in more than the number of spaces. */
function asWritten(example: Example, written: string): Example {
  const folded = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();
  return folded(written) === folded(example.label) ? example : { ...example, label: written };
}

/** Letters for each token of a conversation that is likely to fit as a whole, and of one that never does. */
const [LIKELY_LETTERS, MOST_LETTERS] = [4, 64];

const lettersOf = (turns: readonly ChatTurn[]): number => turns.reduce((sum, { content }) => sum + content.length, 0);

/**
 * The turns before an answer as at most `sourceLength` token ids: the last ones that fit.
 *
 * @param prompting as {@link promptingOf} gives it.
 * @throws as {@link fitText}.
 */
export async function fitTurns(
  { ofTurns }: Prompting,
  task: string,
  turns: readonly ChatTurn[],
  sourceLength: number,
  breathe: Breathe = () => Promise.resolve(),
): Promise<FittedPrompt> {
  const system = turns.filter(({ role }) => role === 'system');
  const spoken = turns.slice(system.length);
  // Exchanges, of which the last is only the user's turn.
  const all = Math.ceil(spoken.length / 2);
  const lastOnes = async (count: number): Promise<Prompt | null> => {
    const last = spoken.slice(Math.max(0, spoken.length + 1 - 2 * count));
    if (lettersOf(last) > MOST_LETTERS * sourceLength) return null;
    const prompt = ofTurns([...system, ...last]);
    await breathe();
    return prompt.ids.length <= sourceLength ? prompt : null;
  };
  if (lettersOf(spoken) <= LIKELY_LETTERS * sourceLength) {
    const prompt = await lastOnes(all);
    if (prompt !== null) return { ...prompt, cut: false };
  }
  // More turns take more tokens. Doubled from the end, since the whole may be thousands of times as long as what fits.
  let [fitting, best, tooMany]: [number, Prompt | null, number] = [0, null, all + 1];
  for (let count = 1; count < tooMany; count = Math.min(2 * count, all)) {
    const prompt = await lastOnes(count);
    if (prompt === null) tooMany = count;
    else if (count === all) return { ...prompt, cut: false };
    else [fitting, best] = [count, prompt];
  }
  while (fitting + 1 < tooMany) {
    const middle = (fitting + tooMany) >>> 1;
    const prompt = await lastOnes(middle);
    if (prompt === null) tooMany = middle;
    else [fitting, best] = [middle, prompt];
  }
  if (best !== null) return { ...best, cut: true };
  const { content } = spoken.at(-1) ?? { content: '' };
  const prompt = (text: string): Prompt => ofTurns([...system, { role: 'user', content: text }]);
  return { ...(await fitText(prompt, task, content, sourceLength, breathe)), cut: true };
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
