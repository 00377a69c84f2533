import { usePage, usePageState } from '../page-context.tsx';
import type { Scoring, View } from '../store.ts';
import { Segmented } from '../ui/Segmented.tsx';

const SCORES: readonly { value: Scoring; label: string }[] = [
  { value: 'exact', label: 'Exact' },
  { value: 'ranked', label: 'Ranked' },
];

const HEATS: readonly { value: View['heat']; label: string }[] = [
  { value: 'accuracy', label: 'Accuracy' },
  { value: 'change', label: 'Change since learned' },
];

/** Chooses the score that all charts show. */
export function ScoreTool() {
  const { look } = usePage();
  const score = usePageState(({ view }) => view.score);
  return <Segmented label="Score" options={SCORES} value={score} onChange={(next) => look({ score: next })} />;
}

/** Chooses what the colour of a matrix cell means. */
export function HeatTool() {
  const { look } = usePage();
  const heat = usePageState(({ view }) => view.heat);
  return <Segmented label="Colour by" options={HEATS} value={heat} onChange={(next) => look({ heat: next })} />;
}
