import type { Results } from '../../run/results/results.ts';
import { idleTasks, watchedSums } from '../../run/results/watched.ts';
import { significant } from '../format.ts';
import { SCORE_NAMES, scoreText } from './scores.ts';
import { listed } from './story.ts';

/** What became of what the model could do before, a sentence for each score, and which tasks can show nothing. */
export function watchedStory(results: Results): string[] {
  const sums = watchedSums(results).map(({ score, before, now, tasks }) => {
    const change = `${scoreText(score, before)} → ${scoreText(score, now)}`;
    const of = tasks.length === 1 ? tasks[0] : `mean of ${listed(tasks)}`;
    return score === 'loss'
      ? `What the model could do before: loss ${change} per token, perplexity ${significant(Math.exp(before))} → ${significant(Math.exp(now))} (${of}).`
      : `What the model could do before: ${change} % ${score === 'rougeL' ? SCORE_NAMES[score] : score} (${of}).`;
  });
  const idle = idleTasks(results);
  if (idle.length === 0) return sums;
  return [
    ...sums,
    `${listed(idle)} can show nothing: the model was near chance on ${idle.length === 1 ? 'it' : 'them'} before.`,
  ];
}
