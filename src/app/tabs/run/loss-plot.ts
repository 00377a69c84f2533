import uPlot from 'uplot';
import type { TaskStretch } from '../../charts/series.ts';

interface LossPlotOptions {
  width: number;
  height: number;
  /** Logarithmic loss axis. */
  log: boolean;
  colors: { raw: string; average: string; validation: string; text: string; grid: string; boundary: string };
  font: string;
  /** Called with the index of the point under the pointer; null when the pointer leaves. */
  onPoint: (index: number | null) => void;
}

export interface LossPlotData {
  steps: number[];
  losses: (number | null)[];
  averages: (number | null)[];
  /** The loss on held-out examples, at the steps where it was measured. */
  validations: (number | null)[];
  /** Steps whose weights tasks ended with, if they were chosen by that loss. */
  taken: number[];
  stretches: TaskStretch[];
  /** Steps of the whole run, so that the axis has its final length from the start. */
  total: number;
}

export interface LossPlot {
  show(data: LossPlotData): void;
  resize(width: number): void;
  destroy(): void;
}

/** Whether a value is 1, 2 or 5 times a power of ten: a labelled line of a logarithmic axis. */
const isRound = (value: number): boolean => /^[125](\.0*)?e/.test(value.toExponential(6));

/** Half the length of the dash that shows a task of a single step, in pixels of the canvas. */
const HALF_DASH = 4;

/** A line that breaks at gaps. uPlot draws through a gap and clips, which is visible where the line is steep. */
const brokenLine: uPlot.Series.PathBuilder = (plot, series, first, last) => {
  const steps = plot.data[0];
  const values = plot.data[series] ?? [];
  const stroke = new Path2D();
  let drawing = false;
  for (let i = first; i <= last; i++) {
    const value = values[i] ?? null;
    if (value === null) {
      drawing = false;
      continue;
    }
    const x = plot.valToPos(steps[i] ?? 0, 'x', true);
    const y = plot.valToPos(value, 'y', true);
    const isLone = !drawing && (values[i + 1] ?? null) === null;
    const half = isLone ? HALF_DASH : 0;
    if (!drawing) stroke.moveTo(x - half, y);
    stroke.lineTo(x + half, y);
    drawing = true;
  }
  return { stroke };
};

/** A canvas with the loss of every step, its average and the boundaries of the tasks. */
export function createLossPlot(host: HTMLElement, options: LossPlotOptions): LossPlot {
  const { width, height, log, colors, font, onPoint } = options;
  let stretches: TaskStretch[] = [];
  let taken: number[] = [];
  let total = 1;

  // A boundary lies between two steps; the name of the task follows it where there is room.
  const drawBoundaries = (plot: uPlot): void => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.font = `${11 * uPlot.pxRatio}px ${font}`;
    ctx.textBaseline = 'top';
    ctx.textAlign = 'left';
    ctx.lineWidth = uPlot.pxRatio;
    for (const { task, from, to } of stretches) {
      const start = plot.valToPos(from - 0.5, 'x', true);
      const end = plot.valToPos(to + 0.5, 'x', true);
      if (from > 1) {
        ctx.strokeStyle = colors.boundary;
        ctx.beginPath();
        ctx.moveTo(Math.round(start) + 0.5, bbox.top);
        ctx.lineTo(Math.round(start) + 0.5, bbox.top + bbox.height);
        ctx.stroke();
      }
      const inset = 6 * uPlot.pxRatio;
      if (ctx.measureText(task).width + 2 * inset > end - start) continue;
      ctx.fillStyle = colors.text;
      ctx.fillText(task, start + inset, bbox.top + inset / 3);
    }
    ctx.strokeStyle = colors.validation;
    ctx.setLineDash([4 * uPlot.pxRatio, 3 * uPlot.pxRatio]);
    for (const step of taken) {
      const x = Math.round(plot.valToPos(step, 'x', true)) + 0.5;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  };

  const axis: uPlot.Axis = {
    stroke: colors.text,
    font: `11px ${font}`,
    grid: { stroke: colors.grid, width: 1 },
    ticks: { show: false },
  };
  const plot = new uPlot(
    {
      width,
      height,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7, width: 0 } },
      scales: {
        x: { time: false, range: () => [0.5, Math.max(total, 2) + 0.5] },
        y: log ? { distr: 3 } : { range: (_, __, high) => [0, high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        {
          ...axis,
          size: 30,
          grid: { show: false },
          values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? String(tick) : '')),
        },
        {
          ...axis,
          size: 46, // as wide as that of the chart of the rates below
          grid: { ...axis.grid, filter: (_, ticks) => ticks.map((tick) => (!log || isRound(tick) ? tick : null)) },
        },
      ],
      series: [
        {},
        { stroke: colors.raw, width: 1, points: { show: false }, paths: brokenLine },
        { stroke: colors.average, width: 2, points: { show: false }, paths: brokenLine },
        {
          stroke: colors.validation,
          width: 0,
          points: { show: true, size: 7, fill: colors.validation },
          paths: () => null,
        },
      ],
      hooks: {
        drawAxes: [drawBoundaries],
        setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)],
      },
    },
    [[], [], [], []],
    host,
  );

  return {
    show: (data) => {
      ({ stretches, taken, total } = data);
      // A logarithmic axis cannot show 0.
      const drawable = (values: (number | null)[]): (number | null)[] =>
        log ? values.map((value) => (value !== null && value > 0 ? value : null)) : values;
      plot.setData([data.steps, drawable(data.losses), drawable(data.averages), drawable(data.validations)]);
    },
    resize: (next) => plot.setSize({ width: next, height }),
    destroy: () => plot.destroy(),
  };
}
