import { createElement, type ReactElement, useRef } from 'react';
import { type Chart, type ChartStyle, drawChart, type SvgNode } from '../../charts/chart.ts';
import { useWidth } from '../ui/hooks.ts';
import styles from './charts.module.css';

const STYLE: ChartStyle = {
  chart: { className: styles.chart },
  grid: { className: styles.grid },
  border: { className: styles.border },
  tick: { className: styles.tick },
  name: { className: styles.name },
  legend: { className: styles.legend },
};

interface Props extends Chart {
  height?: number;
}

/** A chart as wide as its place. */
export function LineChart({ height = 280, ...chart }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  return (
    <div ref={frame} style={{ minHeight: height }}>
      {width > 0 && <LineDrawing {...chart} height={height} width={width} />}
    </div>
  );
}

/** A chart of a given width, also for one that is saved without being shown. */
export function LineDrawing({ width, height, ...chart }: Chart & { width: number; height: number }) {
  return drawn(drawChart(chart, { width, height }, STYLE));
}

function drawn({ tag, attributes, children }: SvgNode): ReactElement {
  const inner = children.map((child) => (typeof child === 'string' ? child : drawn(child)));
  return createElement(tag, attributes, ...inner);
}
