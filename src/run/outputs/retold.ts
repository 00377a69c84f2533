import type { RunEvent } from '../events.ts';
import type { Results, TaskReport } from '../results.ts';

/** What an earlier run told of its rounds, from its results: so that who listens to the run that goes on has it all. */
export function retold({ curves, accuracy, spaces }: Results, tasks: readonly TaskReport[]): RunEvent[] {
  const events: RunEvent[] = [];
  accuracy.exact.forEach((row, round) => {
    const indexes = curves.round.flatMap((one, i) => (one === round ? [i] : []));
    if (indexes.length > 0) {
      events.push({
        type: 'steps',
        round,
        steps: indexes.map((i) => curves.step[i]),
        losses: indexes.map((i) => curves.loss[i]),
        gradientNorms: indexes.map((i) => curves.gradientNorm[i]),
        tokensPerSecond: 0,
        projectedAway: [],
      });
    }
    for (const space of spaces) if (space.round === round) events.push({ type: 'space', ...space });
    row.forEach((exact, task) => {
      const ranked = accuracy.ranked[round][task];
      if (exact === null || ranked === null) return;
      events.push({ type: 'evaluation', round, task, exact, ranked, examples: tasks[task].testExamples });
    });
  });
  return events;
}
