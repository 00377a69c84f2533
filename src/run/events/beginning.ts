import type { SavedRun } from '../files/saved-run.ts';
import { NO_TIME, thinned } from './fold.ts';
import { type AccuracyMatrix, withMeasures } from '../results/measures.ts';
import type { SavedRound } from '../files/saved-round.ts';
import { hasOtherTexts } from '../results/identity.ts';
import { labelOf, type Results, withLabel } from '../results/results.ts';
import { SCORES } from '../../tasks/forms.ts';

/** The facts of a run before its first measurement. */
export type RunFacts = Pick<
  Results,
  'id' | 'name' | 'notes' | 'code' | 'startedAt' | 'device' | 'model' | 'settings' | 'tasks' | 'breaks'
>;

/** The results of a run that has measured nothing yet. */
export function newResults(facts: RunFacts): Results {
  const { tasks, settings } = facts;
  const isFree = tasks.some(({ form = 'labels' }) => form !== 'labels');
  const empty = Array.from({ length: settings.order.length + 1 }, () => tasks.map(() => null));
  return {
    schema: 'gorp-web/results',
    version: 2,
    ...facts,
    status: 'stopped',
    error: null,
    seconds: 0,
    curves: { round: [], step: [], loss: [], gradientNorm: [], seconds: [] },
    ...withMeasures(
      isFree ? { exact: empty, ranked: empty, rougeL: empty, loss: empty } : { exact: empty, ranked: empty },
      tasks,
    ),
    spaces: [],
    stateBytes: [],
    health: [],
    testTime: NO_TIME,
    memory: { peakBytes: 0, liveBuffersAtEnd: 0 },
  };
}

/** The results of a run that resumes from its checkpoint: all that it measured, with the facts of now. */
export function resultsAtCheckpoint(facts: RunFacts, { results }: Pick<SavedRun, 'results'>): Results {
  const { stateBytes = [], testTime = NO_TIME, health } = results;
  const measured = { ...withLabel(results, labelOf({})), stateBytes, testTime, health: thinned(health) };
  return { ...measured, ...facts, status: 'stopped', error: null };
}

/** The results of a run that teaches a model of another more: what belongs to the round and to this run's tasks. */
export function resultsAtRound(facts: RunFacts, { round, results }: Pick<SavedRound, 'round' | 'results'>): Results {
  const { seconds, curves, accuracy, spaces, stateBytes = [], health, settings, memory } = results;
  // A column is a task: the learned ones come first in both orders, the others may differ, and so may their texts.
  const { order, watch = [] } = facts.settings;
  const columns = [
    ...order.map((task, j) => (task === settings.order[j] ? j : -1)),
    ...watch.map((task) => {
      const j = settings.watch?.indexOf(task) ?? -1;
      return j < 0 ? j : settings.order.length + j;
    }),
  ].map((j, i) => (j >= round && hasOtherTexts(results, facts.tasks[i].name, facts.tasks[i].texts) ? -1 : j));
  const own = (matrix: AccuracyMatrix): AccuracyMatrix =>
    Array.from({ length: order.length + 1 }, (_, t) =>
      columns.map((j) => (j >= 0 && t <= round ? (matrix[t]?.[j] ?? null) : null)),
    );
  const fresh = newResults(facts);
  const known = { ...fresh.accuracy };
  for (const score of SCORES) {
    const matrix = accuracy[score];
    if (matrix !== undefined && known[score] !== undefined) known[score] = own(matrix);
  }
  const tested = withMeasures(known, facts.tasks);
  const ofColumns = <One extends { task: number; round: number }>(all: readonly One[] = []): One[] =>
    all.flatMap((one) => {
      const column = columns.indexOf(one.task - 1);
      return column < 0 || one.round > round ? [] : [{ ...one, task: column + 1 }];
    });
  const [answers, right] = [ofColumns(results.confusion), ofColumns(results.right)];
  const done = { seconds, curves, ...tested, spaces, stateBytes, health: thinned(health), memory };
  return {
    ...fresh,
    ...done,
    ...(answers.length > 0 && { confusion: answers }),
    ...(right.length > 0 && { right }),
    ...endingsOf(results),
    ...probedOf(results, round),
    taughtBefore: { tasks: round, seconds },
  };
}

/** The losses on held-out examples, and how rounds ended otherwise than at their last step. */
const endingsOf = ({
  validation,
  cutShort,
  endedByLoss,
}: Results): Pick<Results, 'validation' | 'cutShort' | 'endedByLoss'> => ({
  ...(validation && { validation }),
  ...(cutShort && { cutShort }),
  ...(endedByLoss && { endedByLoss }),
});

/** Returns the measurements besides those of the tasks. @param last round that counts. */
function probedOf({ probes }: Results, last: number): Pick<Results, 'probes'> {
  const { commonQuestions, generalText, own } = probes ?? {};
  const until = <Round extends { round: number }>(rounds: Round[]): Round[] =>
    rounds.filter(({ round }) => round <= last);
  if (probes === undefined) return {};
  return {
    probes: {
      ...(commonQuestions && { commonQuestions: { ...commonQuestions, rounds: until(commonQuestions.rounds) } }),
      ...(generalText && { generalText: { ...generalText, rounds: until(generalText.rounds) } }),
      ...(own && { own: own.map((one) => ({ ...one, rounds: until(one.rounds) })) }),
    },
  };
}
