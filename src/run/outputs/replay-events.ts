import type { RunEvent } from '../events.ts';
import type { Results, TaskReport } from '../results.ts';

/** The events of an earlier run, from its results, so that a listener to the resumed run gets all of them. */
export function replayEvents({ curves, accuracy, spaces, health }: Results, tasks: readonly TaskReport[]): RunEvent[] {
  const events: RunEvent[] = [];
  accuracy.exact.forEach((row, round) => {
    let indexes = curves.round.flatMap((one, i) => (one === round ? [i] : []));
    // A sample of layer statistics ends the report it came with; steps after the last one may have none.
    const samples = health.filter((sample) => sample.round === round);
    for (const { step, layers } of [...samples, { step: Infinity, layers: [] }]) {
      const told = indexes.filter((i) => curves.step[i] <= step);
      indexes = indexes.slice(told.length);
      if (told.length === 0) continue;
      events.push({
        type: 'steps',
        round,
        steps: told.map((i) => curves.step[i]),
        losses: told.map((i) => curves.loss[i]),
        gradientNorms: told.map((i) => curves.gradientNorm[i]),
        tokensPerSecond: 0,
        layers,
      });
    }
    for (const space of spaces) if (space.round === round) events.push({ type: 'space', ...space });
    row.forEach((exact, task) => {
      const ranked = accuracy.ranked[round][task];
      if (exact === null || ranked === null) return;
      events.push({ type: 'evaluation', round, task, exact, ranked, examples: tasks[task].testExamples, time: null });
    });
  });
  return events;
}
