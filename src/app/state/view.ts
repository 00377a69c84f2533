import type { Theme } from './preferences.ts';
import type { ScoreView } from './scores.ts';

/** The views of the page, in the order of their tabs. */
export const TABS = [
  { id: 'run', label: 'Run' },
  { id: 'ranks', label: 'Ranks' },
  { id: 'try', label: 'Try it' },
  { id: 'results', label: 'Results' },
  { id: 'compare', label: 'Compare' },
  { id: 'queue', label: 'Queue' },
  { id: 'models', label: 'Models' },
  { id: 'device', label: 'Device' },
] as const;

export type Tab = (typeof TABS)[number]['id'];

/** The viewer's choices of what to see; none of it affects a run. */
export interface View {
  tab: Tab;
  score: ScoreView;
  /** The meaning of a matrix cell's colour: its accuracy, or the change since the task was learned. */
  heat: 'accuracy' | 'change';
  /** Weight of the past in the loss curve's moving average, [0, 1). */
  smoothing: number;
  logLoss: boolean;
  /** The tensor and round whose spectrum is shown; null until chosen. */
  selected: { name: string; round: number } | null;
  theme: Theme;
}

/** The view that the page shows. */
export interface ViewSlice {
  readonly view: View;
}

export const viewSlice = (theme: Theme): ViewSlice => ({
  view: { tab: 'run', score: 'main', heat: 'accuracy', smoothing: 0.8, logLoss: false, selected: null, theme },
});
