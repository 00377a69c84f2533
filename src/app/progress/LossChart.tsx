import 'uplot/dist/uPlot.min.css';
import { useEffect, useMemo, useRef } from 'react';
import { roundName } from '../../run/settings/schedule.ts';
import { axisOver } from '../charts/axis.ts';
import { resolvedColor } from '../charts/colors.ts';
import { type ChartLine, LineDrawing } from '../charts/LineChart.tsx';
import { withDrawing } from '../charts/save-svg.ts';
import { drawnPoints, lossColumns, sampledRows, smoothed, taskStretches } from '../charts/series.ts';
import { NONE, percent, significant } from '../format.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { DataTable } from '../ui/DataTable.tsx';
import { Section } from '../ui/Section.tsx';
import { useWidth } from '../ui/use-width.ts';
import { useDark } from '../use-dark.ts';
import styles from './LossChart.module.css';
import { heldOutLoss, validationsAt, validationText } from './validation-words.ts';
import { RateChart } from './RateChart.tsx';
import { createLossPlot, type LossPlot, type LossPlotData } from './loss-plot.ts';

const HEIGHT = 260;
/** More points than pixels would not be visible. */
const MAX_POINTS = 2400;
const TABLE_ROWS = 60;

/** Loss of every optimizer step, live. */
export function LossChart() {
  const { look } = usePage();
  const curves = usePageState(({ run }) => run.results?.curves ?? null);
  const validation = usePageState(({ run }) => run.results?.validation);
  const rates = curves?.rate;
  const stepsPerRound = usePageState(({ run }) => run.stepsPerRound);
  const settings = usePageState(({ run }) => run.settings);
  const smoothing = usePageState(({ view }) => view.smoothing);
  const log = usePageState(({ view }) => view.logLoss);
  const dark = useDark();
  const frame = useRef<HTMLDivElement>(null);
  const host = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLOutputElement>(null);
  const plot = useRef<LossPlot | null>(null);
  const width = useWidth(frame);
  const measured = width > 0;

  const columns = useMemo(() => lossColumns(curves), [curves]);
  const averages = useMemo(() => smoothed(columns.losses, columns.rounds, smoothing), [columns, smoothing]);
  const data = useMemo((): LossPlotData => {
    const stretches = settings === null ? [] : taskStretches(stepsPerRound, (round) => roundName(settings, round));
    const drawn = drawnPoints(columns, averages, MAX_POINTS);
    return {
      ...drawn,
      validations: validationsAt(drawn.steps, validation ?? []),
      stretches,
      total: Math.max(stretches.at(-1)?.to ?? 0, columns.steps.at(-1) ?? 0),
    };
  }, [columns, averages, validation, stepsPerRound, settings]);
  // The data now shown, for the plot's listener.
  const latest = useRef(data);

  useEffect(() => {
    const element = host.current;
    if (element === null || !measured) return undefined;
    const color = (property: string): string => resolvedColor(element, property);
    const made = createLossPlot(element, {
      width: element.clientWidth,
      height: HEIGHT,
      log,
      colors: {
        raw: color('--loss-raw'),
        average: color('--accent'),
        validation: color('--warn'),
        text: color('--muted'),
        grid: color('--line'),
        boundary: color('--line-strong'),
      },
      font: getComputedStyle(element).fontFamily,
      onPoint: (index) => {
        if (readout.current !== null) readout.current.textContent = pointText(latest.current, index);
      },
    });
    made.show(latest.current);
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
    // `dark` is a dependency because the colours are read from the page.
  }, [measured, log, dark]);

  useEffect(() => {
    latest.current = data;
    plot.current?.show(data);
  }, [data]);

  useEffect(() => {
    if (width > 0) plot.current?.resize(width);
  }, [width]);

  const last = columns.steps.length - 1;
  const taskAt = (step: number): string =>
    data.stretches.find(({ from, to }) => step >= from && step <= to)?.task ?? NONE;
  return (
    <Section
      title="Loss"
      testId="loss-chart"
      tools={
        <>
          <label className={styles.smoothing}>
            Smoothing
            <input
              type="range"
              min={0}
              max={0.98}
              step={0.02}
              value={smoothing}
              aria-valuetext={smoothing.toFixed(2)}
              title="Weight of the past in the moving average, which restarts with each task."
              onChange={({ target }) => look({ smoothing: target.valueAsNumber })}
            />
            <span className={styles.weight}>{smoothing.toFixed(2)}</span>
          </label>
          <label className={styles.log}>
            <input type="checkbox" checked={log} onChange={({ target }) => look({ logLoss: target.checked })} />
            Log scale
          </label>
        </>
      }
    >
      <p className={styles.readout}>
        <span className={styles.keyRaw}>each step</span>
        <span className={styles.keyAverage}>average</span>
        {validation !== undefined && <span className={styles.keyValidation}>held-out examples</span>}
        <output ref={readout} />
      </p>
      <div ref={frame} className={styles.frame}>
        <div
          ref={host}
          role="img"
          aria-label={
            last < 0
              ? 'Loss per step: none yet.'
              : `Loss per step: ${significant(columns.losses[last] ?? null)} at step ${columns.steps[last] ?? 0}, average ${significant(averages[last] ?? null)}.`
          }
        />
        {last < 0 && <p className={styles.empty}>Losses appear with the first training steps.</p>}
      </div>
      {rates !== undefined && settings !== null && (
        <RateChart columns={columns} rates={rates} total={data.total} stretches={data.stretches} settings={settings} />
      )}
      {validation !== undefined && settings !== null && (
        <ul className={styles.validation} data-testid="validation">
          {[...new Set(validation.map(({ round }) => round))].map((round) => (
            <li key={round}>{validationText(validation, round, roundName(settings, round))}</li>
          ))}
        </ul>
      )}
      <DataTable
        caption={columns.steps.length > TABLE_ROWS ? `Loss at ${TABLE_ROWS} steps of the run` : 'Loss per step'}
        columns={[
          ...['Step', 'Task', 'Loss', 'Average', 'Gradient norm'],
          ...(rates ? ['Rate (%)'] : []),
          ...(validation ? ['Held-out loss'] : []),
        ]}
        rows={() =>
          sampledRows(columns.steps.length, TABLE_ROWS).map((i) => [
            String(columns.steps[i] ?? 0),
            taskAt(columns.steps[i] ?? 0),
            significant(columns.losses[i] ?? null),
            significant(averages[i] ?? null),
            significant(columns.gradientNorms[i] ?? null),
            ...(rates ? [percent(rates[i] ?? null)] : []),
            ...(validation ? [significant(heldOutLoss(validation, columns.steps[i] ?? 0))] : []),
          ])
        }
        save={{
          file: 'loss',
          draw: (take) => withDrawing(<LossDrawing data={data} log={log} />, take),
          numbers: () => ({
            columns: [
              'step',
              'round',
              'task',
              'loss',
              'average',
              'gradient norm',
              ...(rates ? ['rate factor'] : []),
              ...(validation ? ['held-out loss'] : []),
            ],
            rows: columns.steps.map((step, i) => [
              step,
              columns.rounds[i] ?? null,
              taskAt(step),
              columns.losses[i] ?? null,
              averages[i] ?? null,
              columns.gradientNorms[i] ?? null,
              ...(rates ? [rates[i] ?? null] : []),
              ...(validation ? [heldOutLoss(validation, step)] : []),
            ]),
          }),
        }}
      />
    </Section>
  );
}

/** The chart of the canvas as SVG. */
function LossDrawing({ data, log }: { data: LossPlotData; log: boolean }) {
  const { steps, losses, averages, validations, total } = data;
  const line = (name: string, values: (number | null)[], color: number): ChartLine => ({
    name,
    color,
    dash: 0,
    points: steps.map((x, i) => ({ x, y: values[i] ?? null })),
  });
  const measured = steps.flatMap((x, i) => (validations[i] == null ? [] : [{ x, y: validations[i] }]));
  return (
    <LineDrawing
      label="Loss per step"
      lines={[
        line('each step', losses, 5),
        line('average', averages, 0),
        ...(measured.length > 0 ? [{ ...line('held-out examples', validations, 1), points: measured }] : []),
      ]}
      x={{ from: 0.5, to: Math.max(total, 2) + 0.5, isLog: false }}
      y={axisOver(log ? losses : [0, ...losses], log)}
      xName="step"
      yName="loss"
      formatX={String}
      formatY={significant}
      width={960}
      height={HEIGHT}
    />
  );
}

function pointText({ steps, losses, averages, stretches }: LossPlotData, index: number | null): string {
  const step = index === null ? undefined : steps[index];
  if (index === null || step === undefined || !Number.isInteger(step)) return '';
  const task = stretches.find(({ from, to }) => step >= from && step <= to)?.task ?? '';
  const values = `loss ${significant(losses[index] ?? null)}, average ${significant(averages[index] ?? null)}`;
  return `step ${step}${task === '' ? '' : ` (${task})`}: ${values}`;
}
