import type { TriedAnswer } from '../../worker/try/messages.ts';
import { type Asked, rightAnswer } from './try-state.ts';

/** The probability of an answer, as a bar. */
export interface LabelBar {
  name: string;
  /** In [0, 1]. */
  share: number;
  isRight: boolean;
}

/** How many labels get a bar of their own; the rest share one. */
const NAMED_LABELS = 8;
const OTHERS = 'other labels';
const ELSE = 'anything else';

/**
 * The bars of the answer after a round: the same labels in the same order for every asked round, then one bar for the
 * other labels and one for anything else. They sum to 1.
 */
export function labelBars({ answers, question }: Pick<Asked, 'answers' | 'question'>, round: number): LabelBar[] {
  const label = rightAnswer(question);
  const all = answers.flatMap(({ round, state }) => (state.status === 'answered' ? [{ round, ...state.answer }] : []));
  const labels = all.find((one) => one.round === round)?.labels ?? [];
  if (labels.length === 0) return [];
  const names = namedLabels(all, label);
  const named = labels.filter((one) => names.has(one.label));
  const sum = (some: TriedAnswer['labels']): number => some.reduce((total, { probability }) => total + probability, 0);
  const bars = named.map((one) => ({ name: one.label, share: one.probability, isRight: one.label === label }));
  if (named.length < labels.length) bars.push({ name: OTHERS, share: sum(labels) - sum(named), isRight: false });
  // Rounding may push the sum of all labels slightly above 1.
  return [...bars, { name: ELSE, share: Math.max(0, 1 - sum(labels)), isRight: false }];
}

/** The right label, and the labels with the highest probability in any round. */
function namedLabels(answers: readonly TriedAnswer[], right: string | null): Set<string> {
  const largest = new Map<string, number>();
  for (const { label, probability } of answers.flatMap(({ labels }) => labels)) {
    largest.set(label, Math.max(largest.get(label) ?? 0, label === right ? Infinity : probability));
  }
  const byShare = [...largest].sort(([, a], [, b]) => b - a).map(([label]) => label);
  return new Set(byShare.slice(0, NAMED_LABELS));
}
