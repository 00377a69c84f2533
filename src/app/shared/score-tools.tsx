import { usePage, usePageState } from '../state/page-context.tsx';
import type { TaskReport } from '../../run/results/results.ts';
import { countsByOwnScores } from '../../tasks/forms.ts';
import type { View } from '../state/preferences.ts';
import { Segmented } from '../ui/controls.tsx';
import { SCORE_NAMES, type ScoreView, scoresOf } from '../state/scores.ts';

const HEATS: readonly { value: View['heat']; label: string }[] = [
  { value: 'accuracy', label: 'Accuracy' },
  { value: 'change', label: 'Change since learned' },
];

/** Chooses the score that all charts show; each task’s own if some task counts by another than exact match. @param of the tasks; of the current run by default. */
export function ScoreTool({ of }: { of?: readonly TaskReport[] }) {
  const { changeView } = usePage();
  const view = usePageState((state) => state.view.score);
  const shown = usePageState(({ run }) => run.results?.tasks ?? NO_TASKS);
  const tasks = of ?? shown;
  const scores = scoresOf(tasks.length > 0 ? tasks : LABELLED);
  const hasOwn = countsByOwnScores(tasks);
  const options: { value: ScoreView; label: string }[] = [
    ...(hasOwn ? [{ value: 'main' as const, label: 'Each task’s own' }] : []),
    ...scores.map((value) => ({ value, label: SCORE_NAMES[value] })),
  ];
  const value = hasOwn || view !== 'main' ? view : 'exact';
  return <Segmented label="Score" options={options} value={value} onChange={(next) => changeView({ score: next })} />;
}

const NO_TASKS: readonly TaskReport[] = [];
const LABELLED = [{}];

/** Chooses what the colour of a matrix cell means. */
export function HeatTool() {
  const { changeView } = usePage();
  const heat = usePageState(({ view }) => view.heat);
  return <Segmented label="Colour by" options={HEATS} value={heat} onChange={(next) => changeView({ heat: next })} />;
}

/** Chooses the weight of the past in the averages of losses. */
export function SmoothingTool() {
  const { changeView } = usePage();
  const smoothing = usePageState(({ view }) => view.smoothing);
  return (
    <label className="choice muted">
      Smoothing
      <input
        type="range"
        min={0}
        max={0.98}
        step={0.02}
        value={smoothing}
        aria-valuetext={smoothing.toFixed(2)}
        title="Weight of the past in the moving average, which restarts with each task."
        onChange={({ target }) => changeView({ smoothing: target.valueAsNumber })}
      />
      {smoothing.toFixed(2)}
    </label>
  );
}
