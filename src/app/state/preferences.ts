import type { ScoreView } from './scores.ts';
import { DEVICE_CHOICES, type DeviceChoice } from '../../base/device-choice.ts';
import { type ErrorReport, GorpError, reportOf } from '../../base/errors.ts';
import { type MemoryPlan, checkBudget } from '../../run/planning/memory-plan.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { readItem, writeItem } from './stored-items.ts';

/** `system` follows prefers-color-scheme. */
const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const THEME_KEY = 'gorp-web-theme';

/** The theme stored in this browser. */
export const storedTheme = (): Theme => THEMES.find((theme) => theme === readItem(THEME_KEY)) ?? 'system';

/** Sets the theme on the document, where the style sheet reads it, and stores it for the next visit. */
export function applyTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
  writeItem(THEME_KEY, theme);
}

/** A person's choices about this machine, stored in the browser. They are not settings of a run. */
export interface Preferences {
  /** The device to train on. */
  readonly device: DeviceChoice;
  /** Whether the screen stays on during a run. */
  readonly keepAwake: boolean;
  /** Minutes between two checkpoints of a run; 0 for none. */
  readonly checkpointMinutes: number;
  /** The percentage of the graphics card's time that training may use: one of {@link GPU_SHARES}. */
  readonly gpuShare: number;
  /** Whether the tests of what is taught stay with the model. */
  readonly keepsTests: boolean;
  /** GiB of memory that a run may use; null for no limit. */
  readonly memoryBudget: number | null;
}

/** The values offered. */
export const CHECKPOINT_MINUTES: readonly number[] = [1, 2, 5, 10, 30, 0];
export const GPU_SHARES: readonly number[] = [100, 75, 50, 25];

export const USUAL: Preferences = {
  device: 'auto',
  keepAwake: true,
  checkpointMinutes: 2,
  gpuShare: 100,
  keepsTests: true,
  memoryBudget: null,
};

const KEYS: Readonly<Record<keyof Preferences, string>> = {
  device: 'gorp-web-device',
  keepAwake: 'gorp-web-keep-awake',
  checkpointMinutes: 'gorp-web-checkpoint-minutes',
  gpuShare: 'gorp-web-gpu-share',
  keepsTests: 'gorp-web-keep-tests',
  memoryBudget: 'gorp-web-gpu-memory',
};

/** The choices stored in this browser. */
export function storedPreferences(): Preferences {
  const chosen = <Value>(name: keyof Preferences, values: readonly Value[], usual: Value): Value =>
    values.find((value) => String(value) === readItem(KEYS[name])) ?? usual;
  const budget = Number(readItem(KEYS.memoryBudget));
  return {
    device: chosen('device', DEVICE_CHOICES, USUAL.device),
    keepAwake: readItem(KEYS.keepAwake) !== 'no',
    checkpointMinutes: chosen('checkpointMinutes', CHECKPOINT_MINUTES, USUAL.checkpointMinutes),
    gpuShare: chosen('gpuShare', GPU_SHARES, USUAL.gpuShare),
    keepsTests: readItem(KEYS.keepsTests) !== 'no',
    memoryBudget: budget > 0 && Number.isFinite(budget) ? budget : null,
  };
}

/** Stores the choices that have changed; another tab may have changed the others. */
export function savePreferences(change: Partial<Preferences>): void {
  for (const name of Object.keys(change) as (keyof Preferences)[]) {
    const value = change[name];
    const text = typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
    writeItem(KEYS[name], value === null ? null : text);
  }
}

/** A budget, entered in GiB, as bytes. */
export const budgetBytes = (budget: number | null): number | null => (budget === null ? null : budget * 2 ** 30);

/** Why a budget in GiB refuses a plan; null if it does not. */
export function budgetRefusal(
  plan: MemoryPlan,
  budget: number | null,
  { training }: Pick<RunSettings, 'training'>,
): ErrorReport | null {
  try {
    checkBudget(plan, budgetBytes(budget), training);
    return null;
  } catch (thrown) {
    if (thrown instanceof GorpError) return reportOf(thrown);
    throw thrown;
  }
}

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
