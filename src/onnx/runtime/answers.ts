import { mixSeed, seededRandom } from '../../base/random.ts';
import type { ReadText, TextModel } from './text-model.ts';

/** How the next token of an answer is chosen. */
export interface Decoding {
  /** 0 takes the likeliest; above, tokens are drawn from the softmax of logits / temperature. */
  readonly temperature: number;
  /** Of the drawing; the same seed gives the same answer. */
  readonly seed: number;
}

/** Chooses a token from logits [V]. */
export type ChooseToken = (logits: Float32Array) => number;

/** Only the likeliest tokens that together have this probability are drawn from, as in Hugging Face's `top_p`. */
const TOP_P = 0.95;

/** The rule for one answer. It has a state: a drawn answer needs a new one. */
export function tokenChooser({ temperature, seed }: Decoding): ChooseToken {
  if (temperature === 0) return likeliest;
  const random = seededRandom(mixSeed(seed));
  return (logits) => {
    const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
    const weights = Float64Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
    const total = weights.reduce((a, b) => a + b, 0);
    const order = Uint32Array.from(weights.keys()).sort((a, b) => weights[b] - weights[a] || a - b);
    let [count, held] = [0, 0];
    while (count < order.length && held < TOP_P * total) held += weights[order[count++]];
    let left = random.next() * held;
    for (const token of order.subarray(0, count)) {
      left -= weights[token];
      if (left < 0) return token;
    }
    return order[0];
  };
}

/** The token of the largest logit, the first on a tie. */
export function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/** When an answer ends. */
interface AnswerEnd {
  /** Tokens that end a text. */
  endIds: readonly number[];
  /** Maximum number of tokens to write. */
  most: number;
  /** Chooses each token; the likeliest if missing. */
  choose?: ChooseToken;
}

/** An answer in tokens. */
interface WrittenAnswer {
  /** Without the one that ends the text. */
  tokens: number[];
  /** Whether the model ended it, rather than the limit. */
  hasEnded: boolean;
}

/**
 * Writes tokens until one ends the text. Does not free `prompt`.
 *
 * @param onToken receives all tokens so far after each one; it may throw to stop.
 */
export async function writeAnswer(
  model: TextModel,
  prompt: ReadText,
  { endIds, most, choose = likeliest }: AnswerEnd,
  onToken: (tokens: readonly number[]) => Promise<void>,
): Promise<WrittenAnswer> {
  const tokens: number[] = [];
  let text = prompt;
  try {
    while (tokens.length < most) {
      const token = choose(text.next);
      if (endIds.includes(token)) return { tokens, hasEnded: true };
      tokens.push(token);
      await onToken(tokens);
      if (tokens.length === most) break;
      const before = text;
      ({ text } = await model.follow(before, [token]));
      if (before !== prompt) model.drop(before, text);
    }
    return { tokens, hasEnded: false };
  } finally {
    if (text !== prompt) model.drop(text, prompt);
  }
}

/**
 * The probability of each label as the model's whole answer to a prompt. Labels exclude each other, so the sum is at
 * most 1.
 *
 * @param labels token ids, including the one that ends the text.
 * @param between called after each label; it may throw to stop.
 */
export async function labelProbabilities(
  model: TextModel,
  prompt: ReadText,
  labels: readonly (readonly number[])[],
  between: () => Promise<void>,
): Promise<number[]> {
  const probabilities: number[] = [];
  for (const label of labels) {
    let log = logProbability(prompt.next, label[0]);
    if (label.length > 1) {
      const { text, logits } = await model.follow(prompt, label.slice(0, -1));
      model.drop(text, prompt);
      logits.forEach((row, i) => (log += logProbability(row, label[i + 1])));
    }
    probabilities.push(Math.exp(log));
    await between();
  }
  return probabilities;
}

/** log softmax(logits)[token], in f64. */
export function logProbability(logits: Float32Array, token: number): number {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return logits[token] - largest - Math.log(sum);
}
