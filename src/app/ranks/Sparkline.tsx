import { linearScale, linePath } from '../charts/layout.ts';
import styles from './Sparkline.module.css';

const WIDTH = 84;
const HEIGHT = 22;

interface Props {
  points: readonly { step: number; share: number }[];
  /** Steps of the whole run, so that all lines have one time axis. */
  steps: number;
}

/** A share over the run, from 0 to 1. The number beside it says the latest. */
export function Sparkline({ points, steps }: Props) {
  const x = linearScale(0, Math.max(steps, points.at(-1)?.step ?? 1), 1, WIDTH - 1);
  const y = linearScale(0, 1, HEIGHT - 2, 2);
  return (
    <svg width={WIDTH} height={HEIGHT} aria-hidden="true">
      <line className={styles.base} x1={0} x2={WIDTH} y1={HEIGHT - 1.5} y2={HEIGHT - 1.5} />
      <path className={styles.line} d={linePath(points.map(({ step, share }) => [x(step), y(share)]))} />
    </svg>
  );
}
