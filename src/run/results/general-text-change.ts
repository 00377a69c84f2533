import { deviation, studentQuantile } from '../../base/statistics.ts';
import type { Results } from './results.ts';

type Measured = NonNullable<NonNullable<Results['probes']>['generalText']>;

/** A model on general text after a round, or before training. */
export interface GeneralTextState {
  readonly round: number;
  /** Mean −log p per token, in nats; and in bits per byte of text, which compares tokenizers too. */
  readonly loss: number;
  readonly bitsPerByte: number;
  /** KL from the base model per token of the text, and of the answers to test prompts; null if it is not known. */
  readonly divergence: number | null;
  readonly promptDivergence: number | null;
}

/** The change of the loss on general text by training. */
interface GeneralTextChange {
  readonly before: GeneralTextState;
  readonly now: GeneralTextState;
  /** `now` less `before`, with its 95 % interval; null with a single passage. */
  readonly change: number;
  readonly interval: readonly [low: number, high: number] | null;
  readonly passages: number;
}

/** The states that a run has measured and that are finite, by round. */
export function generalTextStates({ probes }: Pick<Results, 'probes'>): GeneralTextState[] {
  const text = probes?.generalText;
  if (text === undefined) return [];
  const { tokens, bytes, prompts, rounds } = text;
  // A model that is taught more has tasks that its earlier rounds had no prompts of.
  const tokensOf = (task: number): number => prompts.find((one) => one.task === task)?.tokens ?? 0;
  return rounds
    .flatMap(({ round, losses, divergences, prompts: measured }): GeneralTextState[] => {
      const loss = weighted(losses, tokens);
      if (loss === null) return [];
      const bits = (loss * sumOf(tokens)) / Math.LN2 / Math.max(1, sumOf(bytes));
      const promptDivergence = weighted(
        measured.map(({ divergence }) => divergence),
        measured.map(({ task }) => tokensOf(task)),
      );
      return [{ round, loss, bitsPerByte: bits, divergence: weighted(divergences, tokens), promptDivergence }];
    })
    .sort((a, b) => a.round - b.round);
}

/**
 * Returns the change of the loss on general text, from before training to a round, by default the last one measured.
 * Null without both.
 *
 * The change is a ratio of sums, nats over tokens, and its interval that of ratios over paired passages (docs/method.md,
 * eq. (34); Cochran, Sampling Techniques, 1977, section 6.4).
 */
export function generalTextChange(results: Pick<Results, 'probes'>, last = Infinity): GeneralTextChange | null {
  const states = generalTextStates(results).filter(({ round }) => round <= last);
  const [before, now] = [states.at(0), states.at(-1)];
  const text = results.probes?.generalText;
  if (text === undefined || before?.round !== 0 || now === undefined || now.round === 0) return null;
  const lossesOf = (round: number): Measured['rounds'][number]['losses'] =>
    text.rounds.find((one) => one.round === round)?.losses ?? [];
  const [from, to] = [lossesOf(0), lossesOf(now.round)];
  const { tokens } = text;
  const change = now.loss - before.loss;
  const mean = sumOf(tokens) / tokens.length;
  const residuals = tokens.map((count, i) => (count * ((to[i] ?? 0) - (from[i] ?? 0) - change)) / mean);
  const half = (studentQuantile(tokens.length - 1) * deviation(residuals)) / Math.sqrt(tokens.length);
  const interval = tokens.length < 2 ? null : ([change - half, change + half] as const);
  return { before, now, change, interval, passages: tokens.length };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** The mean over tokens; null if a value is not finite or there are no tokens. */
function weighted(values: readonly (number | null)[], tokens: readonly number[]): number | null {
  const all = sumOf(tokens);
  if (all === 0) return null;
  let sum = 0;
  for (const [i, value] of values.entries()) {
    if (value === null) return null;
    sum += value * tokens[i];
  }
  return sum / all;
}

/**
 * The change in words: “It models general text a little worse: 3.21 → 3.26 nats a token (+0.05, 95 % interval +0.03 to
 * +0.07 over 8 passages; 0.98 → 1.00 bits a byte). KL from the base model: 0.0412 a token there, 0.91 in answers to test
 * prompts.”
 */
export function generalTextSentence({ before, now, change, interval, passages }: GeneralTextChange): string {
  const size = Math.abs(change);
  const isClear = interval !== null && (interval[0] > 0 || interval[1] < 0) && size >= 0.0005;
  // A change that two digits do not show has three.
  const digits = before.loss.toFixed(2) === now.loss.toFixed(2) ? 3 : 2;
  const [from, to, bitsFrom, bitsTo] = [before.loss, now.loss, before.bitsPerByte, now.bitsPerByte].map((value) =>
    value.toFixed(digits),
  );
  const amount = size < A_LITTLE ? 'a little ' : size > MUCH ? 'much ' : '';
  const verdict = isClear ? `${amount}${change > 0 ? 'worse' : 'better'}` : 'as well as before, within chance';
  const range =
    interval === null
      ? ''
      : `, 95 % interval ${signed(interval[0], digits)} to ${signed(interval[1], digits)} over ${passages} passages`;
  return `It models general text ${verdict}: ${from} → ${to} nats a token (${signed(change, digits)}${range}; ${bitsFrom} → ${bitsTo} bits a byte).${movedText(now)}`;
}

function movedText({ divergence, promptDivergence }: GeneralTextState): string {
  const parts = [
    ...(divergence === null ? [] : [`${divergence.toPrecision(2)} a token there`]),
    ...(promptDivergence === null ? [] : [`${promptDivergence.toPrecision(2)} in answers to test prompts`]),
  ];
  return parts.length === 0 ? '' : ` KL from the base model: ${parts.join(', ')}.`;
}

/**
 * Nats a token. For scale: one model of 3 billion parameters lost 0.03 by full fine-tuning and 0.05 to 0.11 by LoRA in
 * the benchmark of huggingface/peft.
 */
const [A_LITTLE, MUCH] = [0.1, 0.5];

const signed = (value: number, digits: number): string => {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? '0' : `${value < 0 ? '\u2212' : '+'}${text}`;
};
