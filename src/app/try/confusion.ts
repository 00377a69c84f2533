import type { AnsweredExample } from '../../run/outputs/answers-over-rounds.ts';

/** What became of the test examples of one label. */
export interface LabelRow {
  readonly label: string;
  readonly examples: number;
  /** Share of right answers after each of the two rounds; null if the round was not tested. */
  readonly before: number | null;
  readonly after: number | null;
  /** Number of answers with each label after the second round, in the order of the labels; last, any other answer. */
  readonly answered: readonly number[];
}

/** The answers of a task by their right label: how many were right, and what was answered instead. */
export function confusionOf(
  examples: readonly AnsweredExample[],
  labels: readonly string[],
  { from, to }: { from: number; to: number },
): LabelRow[] {
  const column = new Map(labels.map((label, i) => [folded(label), i]));
  return labels.flatMap((label) => {
    const own = examples.filter((example) => example.label === label);
    if (own.length === 0) return [];
    const answered = new Array<number>(labels.length + 1).fill(0);
    for (const { answers } of own) {
      const answer = answers.find(({ round }) => round === to);
      if (answer === undefined) continue;
      answered[answer.isRight ? labels.indexOf(label) : (column.get(folded(answer.written)) ?? labels.length)] += 1;
    }
    return [{ label, examples: own.length, before: rightIn(own, from), after: rightIn(own, to), answered }];
  });
}

/** As exact match compares answers, except for punctuation within them. */
const folded = (text: string): string => text.trim().toLowerCase();

function rightIn(examples: readonly AnsweredExample[], round: number): number | null {
  const answers = examples.flatMap((example) => example.answers.filter((answer) => answer.round === round));
  return answers.length === 0 ? null : answers.filter(({ isRight }) => isRight).length / answers.length;
}
