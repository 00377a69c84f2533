import { usePage, usePageState } from '../page-context.tsx';
import type { TaskReport } from '../../run/results.ts';
import type { View } from '../store.ts';
import { Segmented } from '../ui/Segmented.tsx';
import { SCORE_NAMES, type Scoring, scoresOf } from './scores.ts';

const HEATS: readonly { value: View['heat']; label: string }[] = [
  { value: 'accuracy', label: 'Accuracy' },
  { value: 'change', label: 'Change since learned' },
];

/** Chooses the score that all charts show. @param of the tasks; of the current run by default. Tasks with labels only have two; their main one is exact match. */
export function ScoreTool({ of }: { of?: readonly TaskReport[] }) {
  const { look } = usePage();
  const view = usePageState((state) => state.view.score);
  const shown = usePageState(({ run }) => run.results?.tasks ?? NO_TASKS);
  const tasks = of ?? shown;
  const scores = scoresOf(tasks.length > 0 ? tasks : LABELLED);
  const isFree = scores.some((score) => score === 'loss');
  const options: { value: Scoring; label: string }[] = [
    ...(isFree ? [{ value: 'main' as const, label: 'Each task’s own' }] : []),
    ...scores.map((value) => ({ value, label: SCORE_NAMES[value] })),
  ];
  const value = isFree || view !== 'main' ? view : 'exact';
  return <Segmented label="Score" options={options} value={value} onChange={(next) => look({ score: next })} />;
}

const NO_TASKS: readonly TaskReport[] = [];
const LABELLED = [{}];

/** Chooses what the colour of a matrix cell means. */
export function HeatTool() {
  const { look } = usePage();
  const heat = usePageState(({ view }) => view.heat);
  return <Segmented label="Colour by" options={HEATS} value={heat} onChange={(next) => look({ heat: next })} />;
}
