import type { Results } from './results.ts';

/** A question that a model answered rightly before training and does not now, with both answers. */
interface LostQuestion {
  readonly question: string;
  readonly before: string;
  readonly after: string;
}

/** The questions of common knowledge that a model still answers after a round. */
interface KeptQuestions {
  readonly round: number;
  /** Questions asked, and how many of them it answered rightly before training. */
  readonly asked: number;
  readonly before: number;
  /** How many of these it still answers rightly, and which it does not. */
  readonly still: number;
  readonly lost: readonly LostQuestion[];
}

/** After each round that was asked, in order; empty if the model was not asked before training or not after it. */
export function keptQuestions({ probes }: Pick<Results, 'probes'>): KeptQuestions[] {
  const { questions = [], rounds = [] } = probes?.commonQuestions ?? {};
  const first = rounds.find(({ round }) => round === 0);
  if (first === undefined) return [];
  const { answers, right } = first;
  return rounds
    .filter(({ round }) => round > 0)
    .sort((a, b) => a.round - b.round)
    .map(({ round, answers: now, right: isRight }): KeptQuestions => ({
      round,
      asked: questions.length,
      before: right.filter(Boolean).length,
      still: right.filter((was, i) => was && isRight[i]).length,
      lost: questions.flatMap(({ question }, i) =>
        right[i] && !isRight[i] ? [{ question, before: answers[i] ?? '', after: now[i] ?? '' }] : [],
      ),
    }));
}

/** “It still answers 42 of the 45 questions of common knowledge that it answered rightly before, of 60 asked.” */
export const keptSentence = ({ asked, before, still }: KeptQuestions): string =>
  before === 0
    ? `It answered none of ${asked} questions of common knowledge rightly before training, so they show nothing.`
    : `It still answers ${still} of the ${before} questions of common knowledge that it answered rightly before, of ${asked} asked.`;
