import { useMemo } from 'react';
import type { RunSettings } from '../../run/settings/settings.ts';
import { drawnIndices, type LossColumns, type TaskStretch, withGaps } from '../charts/series.ts';
import { LineChart } from '../charts/LineChart.tsx';
import { methodOf } from '../../methods/registry.ts';
import { whole } from '../format.ts';
import styles from './LossChart.module.css';

const RATE_HEIGHT = 130;
const RATE_POINTS = 1200;

interface Props {
  columns: Pick<LossColumns, 'steps' | 'rounds'>;
  /** Factor of the learning rates in every step. */
  rates: readonly number[];
  /** Steps of the run. */
  total: number;
  stretches: readonly TaskStretch[];
  settings: RunSettings;
}

/** The course of the learning rates, in percent of the rates as they are set. */
export function RateChart({ columns: { steps, rounds }, rates, total, stretches, settings }: Props) {
  const points = useMemo(() => {
    const drawn = drawnIndices(rates, RATE_POINTS).map((i) => ({ x: steps[i], y: rates[i], round: rounds[i] }));
    return withGaps(drawn);
  }, [steps, rounds, rates]);
  return (
    <div data-testid="rate-chart">
      <p className={styles.readout}>{ratesText(settings)}</p>
      <LineChart
        label="Learning rates per step, in percent of their settings; the table below has the numbers."
        lines={[{ name: 'rate', color: 0, dash: 0, points }]}
        borders={stretches.flatMap(({ from }, i) => (i === 0 ? [] : [{ x: from - 0.5, name: '' }]))}
        x={{ from: 0.5, to: Math.max(total, 2) + 0.5, isLog: false }}
        y={{ from: 0, to: 1, isLog: false }}
        xName="step"
        yName="learning rates"
        formatX={(step) => (Number.isInteger(step) ? whole(step) : '')}
        formatY={(share) => `${Math.round(100 * share)} %`}
        height={RATE_HEIGHT}
        hasLegend={false}
      />
    </div>
  );
}

/** What 100 % means: `100 % is 0.003 (Learning rate, LoRA)`. */
function ratesText({ method }: Pick<RunSettings, 'method'>): string {
  const values = method as unknown as Record<string, unknown>;
  const rates = Object.entries(methodOf(method).settings)
    .filter(([name]) => name === 'learningRate' || name === 'galoreLearningRate')
    .map(([name, { label }]) => `${String(values[name])} (${label})`);
  return `100 % is ${rates.join(' and ')}.`;
}
