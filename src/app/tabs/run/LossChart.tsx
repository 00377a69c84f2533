import { type PointerEvent, useMemo, useRef, useState } from 'react';
import { methodOf } from '../../../methods/registry.ts';
import { hasRisen, type HeldOutLosses } from '../../../run/results/held-out.ts';
import type { Results } from '../../../run/results/results.ts';
import { roundName } from '../../../run/settings/schedule.ts';
import type { RunSettings } from '../../../run/settings/settings.ts';
import { type Axis, axisOver, axisScale } from '../../../charts/axis.ts';
import { type Chart, type ChartPoint, MARGIN, type Mark } from '../../../charts/chart.ts';
import { seriesColor } from '../../charts/colors.ts';
import { DataTable } from '../../charts/DataTable.tsx';
import { LineChart, LineDrawing } from '../../charts/LineChart.tsx';
import { withDrawing } from '../../charts/save.tsx';
import {
  drawnIndices,
  drawnPoints,
  type LossColumns,
  lossColumns,
  sampledRows,
  smoothed,
  type TaskStretch,
  taskStretches,
  withGaps,
} from '../../charts/series.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { NONE, percent, significant, whole } from '../../ui/format.ts';
import { useWidth } from '../../ui/hooks.ts';
import { Section } from '../../ui/Section.tsx';
import styles from './run.module.css';

/** Describes the loss on held-out examples in a round: its least, and whether it rises from there. Null without any. */
export function validationText(all: HeldOutLosses, round: number, name: string): string | null {
  const own = all.filter((one) => one.round === round);
  const last = own.at(-1);
  if (last === undefined) return null;
  if (own.some(({ loss }) => loss === null)) return `${name}: the loss on held-out examples is not finite.`;
  const least = own.reduce((a, b) => ((b.loss ?? 0) < (a.loss ?? 0) ? b : a));
  const words = (loss: number | null): string => significant(loss);
  if (own.length === 1) return `${name}: ${words(last.loss)} on held-out examples at step ${last.step}.`;
  return least === last
    ? `${name}: the loss on held-out examples falls to ${words(last.loss)} at step ${last.step}, its least.`
    : `${name}: the loss on held-out examples is least at step ${least.step}, ${words(least.loss)}, and rises from there to ${words(last.loss)} at step ${last.step}: fewer epochs may do.`;
}

/** How a round ended by these losses, as a further sentence. */
function endedText(ended: Results['endedByLoss'], round: number): string {
  const own = ended?.find((one) => one.round === round);
  if (own === undefined) return '';
  const { step, steps, planned } = own;
  const early = steps < planned ? `Training ended after ${steps} of ${planned} steps, and the` : 'The';
  return ` ${early} task ends with the weights of step ${step}.`;
}

/** Validations without a lower loss after which the offered setting ends a task. */
const OFFERED_PATIENCE = 3;

/** Offers, where the loss on held-out examples keeps rising, that the next run ends each task at its lowest. */
function StopAtBest({ settings, losses }: { settings: RunSettings; losses: HeldOutLosses }) {
  const { edit } = usePage();
  const isSet = usePageState(({ draft }) => draft.training.loadBest === 'best');
  if (settings.training.loadBest === 'best' || !hasRisen(losses)) return null;
  const use = (): void =>
    edit((draft) => {
      const validationExamples = draft.training.validationExamples || settings.training.validationExamples;
      const best = { loadBest: 'best', earlyStoppingPatience: OFFERED_PATIENCE, validationExamples } as const;
      return { ...draft, training: { ...draft.training, ...best } };
    });
  return (
    <p className="about">
      {isSet ? (
        'The next run ends each task with the weights of its lowest loss on held-out examples.'
      ) : (
        <button type="button" data-testid="stop-at-best" onClick={use}>
          Stop at the lowest in the next run
        </button>
      )}
    </p>
  );
}

/** The loss on held-out examples after a step; null if it was not measured there. */
export const heldOutLoss = (all: HeldOutLosses, step: number): number | null =>
  all.find((one) => one.step === step)?.loss ?? null;

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
function RateChart({ columns: { steps, rounds }, rates, total, stretches, settings }: Props) {
  const points = useMemo(() => {
    const drawn = drawnIndices(rates, RATE_POINTS).map((i) => ({ x: steps[i], y: rates[i], round: rounds[i] }));
    return withGaps(drawn);
  }, [steps, rounds, rates]);
  return (
    <div data-testid="rate-chart">
      <p className="keys">{ratesText(settings)}</p>
      <LineChart
        label="Learning rates per step, in percent of their settings; the table below has the numbers."
        lines={[{ name: 'rate', color: seriesColor(0), points }]}
        borders={stretches.flatMap(({ from }, i) => (i === 0 ? [] : [{ x: from - 0.5, name: '' }]))}
        x={{ from: 0.5, to: Math.max(total, 2) + 0.5, isLog: false }}
        y={{ from: 0, to: 1, isLog: false }}
        xName="step"
        yName="learning rates"
        formatX={(step) => (Number.isInteger(step) ? whole(step) : '')}
        formatY={(share) => `${Math.round(100 * share)} %`}
        height={RATE_HEIGHT}
        legend="none"
      />
    </div>
  );
}

/** The meaning of 100 %: `100 % is 0.003 (Learning rate, LoRA)`. */
function ratesText({ method }: Pick<RunSettings, 'method'>): string {
  const values = method as unknown as Record<string, unknown>;
  const rates = Object.entries(methodOf(method).settings)
    .filter(([name]) => name === 'learningRate' || name === 'galoreLearningRate')
    .map(([name, { label }]) => `${String(values[name])} (${label})`);
  return `100 % is ${rates.join(' and ')}.`;
}

const HEIGHT = 260;
/** More points than pixels would not be visible. */
const MAX_POINTS = 2400;
const TABLE_ROWS = 60;
/** The sides of the plot, as every chart has them. */
const [PLOT_LEFT, PLOT_RIGHT] = [MARGIN.left, MARGIN.right];
const HELD_OUT: Mark = { shape: 'circle', size: 3.5 };

/** Loss of every optimizer step, live. */
export function LossChart() {
  const { changeView } = usePage();
  const curves = usePageState(({ run }) => run.results?.curves ?? null);
  const validation = usePageState(({ run }) => run.results?.validation);
  const ended = usePageState(({ run }) => run.results?.endedByLoss);
  const rates = curves?.rate;
  const stepsPerRound = usePageState(({ run }) => run.stepsPerRound);
  const settings = usePageState(({ run }) => run.settings);
  const smoothing = usePageState(({ view }) => view.smoothing);
  const log = usePageState(({ view }) => view.logLoss);
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [pointed, setPointed] = useState<number | null>(null);

  const columns = useMemo(() => lossColumns(curves), [curves]);
  const averages = useMemo(() => smoothed(columns.losses, columns.rounds, smoothing), [columns, smoothing]);
  const data = useMemo((): LossData => {
    const stretches = settings === null ? [] : taskStretches(stepsPerRound, (round) => roundName(settings, round));
    return {
      ...drawnPoints(columns, averages, MAX_POINTS),
      validation: validation ?? [],
      taken: ended?.map(({ step }) => step) ?? [],
      stretches,
      total: Math.max(stretches.at(-1)?.to ?? 0, columns.steps.at(-1) ?? 0),
    };
  }, [columns, averages, validation, ended, stepsPerRound, settings]);

  const last = columns.steps.length - 1;
  const taskAt = (step: number): string =>
    data.stretches.find(({ from, to }) => step >= from && step <= to)?.task ?? NONE;
  const label =
    last < 0
      ? 'Loss per step: none yet.'
      : `Loss per step: ${significant(columns.losses[last] ?? null)} at step ${columns.steps[last] ?? 0}, average ${significant(averages[last] ?? null)}.`;
  // Moving the pointer does not draw the chart again.
  const drawing = useMemo(
    () => width > 0 && <LineDrawing {...chartOf(data, log, label)} legend="none" width={width} height={HEIGHT} />,
    [data, log, label, width],
  );
  const toX = axisScale(stepAxis(data), PLOT_LEFT, width - PLOT_RIGHT);
  const point = ({ clientX, currentTarget }: PointerEvent): void => {
    const x = clientX - currentTarget.getBoundingClientRect().left;
    const { from, to } = stepAxis(data);
    const step = from + ((x - PLOT_LEFT) / (width - PLOT_LEFT - PLOT_RIGHT)) * (to - from);
    setPointed(columns.steps.length > 0 && step >= from && step <= to ? nearest(columns.steps, step) : null);
  };
  const shown = pointed === null ? undefined : columns.steps[pointed];
  return (
    <Section
      title="Loss"
      testId="loss-chart"
      tools={
        <>
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
            <span className={styles.weight}>{smoothing.toFixed(2)}</span>
          </label>
          <label className="choice muted">
            <input type="checkbox" checked={log} onChange={({ target }) => changeView({ logLoss: target.checked })} />
            Log scale
          </label>
        </>
      }
    >
      <div className={`row muted tiny ${styles.readout}`}>
        <ul className="keys">
          <li style={{ '--series': 'var(--loss-raw)' }}>each step</li>
          <li style={{ '--series': 'var(--accent)' }}>average</li>
          {validation !== undefined && <li style={{ '--series': 'var(--warn)' }}>held-out examples</li>}
        </ul>
        <output>
          {pointed !== null &&
            shown !== undefined &&
            `step ${shown}${taskAt(shown) === NONE ? '' : ` (${taskAt(shown)})`}: loss ${significant(columns.losses[pointed] ?? null)}, average ${significant(averages[pointed] ?? null)}`}
        </output>
      </div>
      <div ref={frame} className={styles.frame} onPointerMove={point} onPointerLeave={() => setPointed(null)}>
        {drawing}
        {shown !== undefined && <div className={styles.cursor} style={{ left: toX(shown) ?? 0 }} />}
        {last < 0 && <p className={`about ${styles.empty}`}>Losses appear with the first training steps.</p>}
      </div>
      {rates !== undefined && settings !== null && (
        <RateChart columns={columns} rates={rates} total={data.total} stretches={data.stretches} settings={settings} />
      )}
      {validation !== undefined && settings !== null && (
        <ul className="about" data-testid="validation">
          {[...new Set(validation.map(({ round }) => round))].map((round) => (
            <li key={round}>
              {validationText(validation, round, roundName(settings, round))}
              {endedText(ended, round)}
            </li>
          ))}
        </ul>
      )}
      {validation !== undefined && settings !== null && (
        <StopAtBest settings={settings} losses={validation.filter(({ round }) => round === validation.at(-1)?.round)} />
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
          draw: (take) =>
            withDrawing(<LineDrawing {...chartOf(data, log, 'Loss per step')} width={960} height={HEIGHT} />, take),
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

/** The parts of a run that the chart draws. */
interface LossData {
  readonly steps: readonly number[];
  readonly losses: readonly (number | null)[];
  readonly averages: readonly (number | null)[];
  readonly validation: HeldOutLosses;
  /** Steps whose weights tasks ended with, if they were chosen by the loss on held-out examples. */
  readonly taken: readonly number[];
  readonly stretches: readonly TaskStretch[];
  /** Steps of the whole run, so that the axis has its final length from the start. */
  readonly total: number;
}

const stepAxis = ({ total }: LossData): Axis => ({ from: 0.5, to: Math.max(total, 2) + 0.5, isLog: false });

/** The loss of every step, its average, the losses on held-out examples, and where each task begins. */
function chartOf(data: LossData, isLog: boolean, label: string): Chart {
  const { steps, losses, averages, validation, taken, stretches } = data;
  const points = (values: readonly (number | null)[]): ChartPoint[] =>
    steps.map((x, i) => ({ x, y: values[i] ?? null }));
  const heldOut = validation.map(({ step, loss }) => ({ x: step, y: loss }));
  const top = axisOver([...losses, ...heldOut.map(({ y }) => y)], isLog);
  return {
    label,
    lines: [
      { name: 'each step', color: 'var(--loss-raw)', width: 1, points: points(losses) },
      { name: 'average', color: 'var(--accent)', width: 2, points: points(averages) },
      ...(heldOut.length > 0
        ? [{ name: 'held-out examples', color: 'var(--warn)', width: 0, mark: HELD_OUT, points: heldOut }]
        : []),
    ],
    borders: [
      ...stretches.map(({ task, from }) => ({ x: from - 0.5, name: task })),
      ...taken.map((step) => ({ x: step, name: '', color: 'var(--warn)' })),
    ],
    x: stepAxis(data),
    y: isLog ? top : { ...top, from: 0 },
    xName: 'step',
    yName: 'loss',
    formatX: (step) => (Number.isInteger(step) ? String(step) : ''),
    formatY: significant,
  };
}

/** The index of the number nearest to a value in an ascending list with at least one. */
function nearest(ascending: readonly number[], value: number): number {
  const after = ascending.findIndex((one) => one >= value);
  if (after <= 0) return after < 0 ? ascending.length - 1 : 0;
  return value - ascending[after - 1] < ascending[after] - value ? after - 1 : after;
}
