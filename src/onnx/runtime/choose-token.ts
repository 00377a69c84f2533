import { mixSeed, seededRandom } from '../../base/random.ts';

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
