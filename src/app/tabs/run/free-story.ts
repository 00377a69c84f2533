import type { Results } from '../../../run/results/results.ts';
import { isShare, mainScore } from '../../../run/settings/scoring.ts';
import { roundOf } from '../../../run/settings/schedule.ts';
import { significant } from '../../ui/format.ts';
import { scoreText } from '../../state/scores.ts';
import type { TaskSentence } from '../../state/story.ts';

const NAMES = { rougeL: 'share of words in common (ROUGE-L)', loss: 'surprise (loss per token)' } as const;

/** A change of this share is called no change. */
const LITTLE = 0.01;

/**
 * What each task learned and lost whose main score is a mean, not a share of right answers: nothing is said of chance.
 * Those with right answers are in the sentences of `storyOf`.
 */
export function freeStory({ settings, tasks, accuracy }: Results): TaskSentence[] {
  return tasks.flatMap((task, j): TaskSentence[] => {
    const score = mainScore(task);
    if (isShare(score) || task.watched === true) return [];
    const matrix = accuracy[score] ?? [];
    const at = (round: number): number | null => matrix[round]?.[j] ?? null;
    const own = roundOf(settings, j);
    const learned = at(own);
    if (learned === null) return [];
    const isBetter = (a: number, b: number): boolean => (score === 'loss' ? a < b : a > b);
    const text = (value: number): string => {
      if (score !== 'loss') return `${scoreText(score, value)} %`;
      const perplexity = task.form === 'text' ? ` (perplexity ${significant(Math.exp(value))})` : '';
      return `${scoreText(score, value)}${perplexity}`;
    };
    const before = at(0);
    const round = matrix.findLastIndex((row) => (row[j] ?? null) !== null);
    const last = round > own ? at(round) : null;
    const first =
      before === null
        ? `had a ${NAMES[score]} of ${text(learned)}`
        : `went from a ${NAMES[score]} of ${text(before)} to ${text(learned)} when it was learned`;
    // Of a loss its share, of ROUGE-L its points.
    const little = score === 'loss' ? LITTLE * learned : LITTLE;
    if (last === null || Math.abs(last - learned) <= little) {
      const isSame = before !== null && scoreText(score, before) === scoreText(score, learned);
      const tone = isSame ? 'same' : before === null || isBetter(learned, before) ? 'learned' : 'fell';
      const isEqual = last !== null && scoreText(score, last) === scoreText(score, learned);
      const end = last === null ? '' : isEqual ? ' and stayed there' : ` and stayed about there: ${text(last)} now`;
      return [{ task: task.name, tone, text: `${task.name} ${first}${end}.` }];
    }
    const isWorse = isBetter(learned, last);
    return [
      {
        task: task.name,
        tone: isWorse ? 'fell' : 'rose',
        text: `${task.name} ${first}, and is ${text(last)} now, which is ${isWorse ? 'worse' : 'better'}.`,
      },
    ];
  });
}
