import { linearScale, linePath } from '../../../charts/axis.ts';
import { drawnIndices } from '../../charts/series.ts';
import styles from './ranks.module.css';

const WIDTH = 64;
const HEIGHT = 22;
/** The lowest and the highest point of every pixel. */
const MOST_POINTS = 2 * WIDTH;

interface Props {
  points: readonly { step: number; value: number }[];
  /** Range of the values. */
  low?: number;
  high?: number;
  /** Steps of the whole run, so that all lines have one time axis. */
  steps: number;
}

/** A value over the run, by default a share. The number beside it is the latest. */
export function Sparkline({ points, steps, low = 0, high = 1 }: Props) {
  const x = linearScale(0, Math.max(steps, points.at(-1)?.step ?? 1), 1, WIDTH - 1);
  const y = linearScale(low, high, HEIGHT - 2, 2);
  const values = points.map(({ value }) => value);
  const drawn = drawnIndices(values, MOST_POINTS).map((i) => points[i]);
  return (
    <svg width={WIDTH} height={HEIGHT} aria-hidden="true">
      <line className={styles.base} x1={0} x2={WIDTH} y1={HEIGHT - 1.5} y2={HEIGHT - 1.5} />
      <path className={styles.sparkline} d={linePath(drawn.map(({ step, value }) => [x(step), y(value)]))} />
    </svg>
  );
}
