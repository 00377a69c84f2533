import { smoothed } from '../../../base/statistics.ts';
import { useMemo } from 'react';
import { methodOf } from '../../../methods/registry.ts';
import { hasRisen, type HeldOutLosses } from '../../../run/results/held-out.ts';
import type { Results } from '../../../run/results/results.ts';
import { roundName } from '../../../run/settings/schedule.ts';
import type { RunSettings } from '../../../run/settings/settings.ts';
import { type Axis, axisOver } from '../../../charts/axis.ts';
import { type Chart, type ChartPoint, type Mark, svgNode } from '../../../charts/chart.ts';
import {
  drawnIndices,
  Figure,
  type LossColumns,
  lossColumns,
  sampledRows,
  seriesColor,
  type TaskStretch,
  taskStretches,
  withGaps,
} from '../../charts/Figure.tsx';
import { SmoothingTool } from '../../shared/score-tools.tsx';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { isActive } from '../../state/run-state.ts';
import { NONE, percent, significant, whole } from '../../ui/format.ts';
import { Section } from '../../ui/blocks.tsx';
import { Check } from '../../ui/controls.tsx';
import styles from './run.module.css';

/** Describes the loss on held-out examples in a round: its least, and whether it rises from there. Null without any. */
export function validationText(all: HeldOutLosses, round: number, name: string): string | null {
  const own = all.filter((one) => one.round === round);
  const last = own.at(-1);
  if (last === undefined) return null;
  if (own.some(({ loss }) => loss === null)) return `${name}: the loss on held-out examples is not finite.`;
  const least = own.reduce((a, b) => ((b.loss ?? 0) < (a.loss ?? 0) ? b : a));
  if (own.length === 1) return `${name}: ${significant(last.loss)} on held-out examples at step ${last.step}.`;
  return least === last
    ? `${name}: the loss on held-out examples falls to ${significant(last.loss)} at step ${last.step}, its least.`
    : `${name}: the loss on held-out examples is least at step ${least.step}, ${significant(least.loss)}, and rises from there to ${significant(last.loss)} at step ${last.step}: fewer epochs may do.`;
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
  const chart = useMemo((): Chart => {
    const drawn = drawnIndices(rates, RATE_POINTS).map((i) => ({ x: steps[i], y: rates[i], round: rounds[i] }));
    return {
      label: 'Learning rates per step, in percent of their settings; the table below has the numbers.',
      lines: [{ name: 'rate', color: seriesColor(0), points: withGaps(drawn) }],
      borders: stretches.flatMap(({ from }, i) => (i === 0 ? [] : [{ x: from - 0.5, name: '' }])),
      x: stepAxis({ total }),
      y: { from: 0, to: 1, isLog: false },
      xName: 'step',
      yName: 'learning rates',
      formatX: stepText,
      formatY: (share) => `${Math.round(100 * share)} %`,
      legend: 'none',
    };
  }, [steps, rounds, rates, stretches, total]);
  return (
    <div data-testid="rate-chart">
      <p className="help">{ratesText(settings)}</p>
      <Figure chart={chart} height={130} />
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

/** More points than pixels would not be visible. */
const MAX_POINTS = 2400;
const TABLE_ROWS = 60;
const HELD_OUT: Mark = { shape: 'circle', size: 3.5 };

/** Loss of every optimizer step, live. */
export function LossChart() {
  const { changeView } = usePage();
  const curves = usePageState(({ run }) => run.results?.curves ?? null);
  const validation = usePageState(({ run }) => run.results?.validation);
  const ended = usePageState(({ run }) => run.results?.endedByLoss);
  const rates = curves?.rate;
  const stepsPerRound = usePageState(({ run }) => run.stepsPerRound);
  const hasEnded = usePageState(({ run: { status } }) => !isActive(status));
  const settings = usePageState(({ run }) => run.settings);
  const smoothing = usePageState(({ view }) => view.smoothing);
  const log = usePageState(({ view }) => view.logLoss);

  const columns = useMemo(() => lossColumns(curves), [curves]);
  const averages = useMemo(() => smoothed(columns.losses, columns.rounds, smoothing), [columns, smoothing]);
  const data = useMemo((): LossData => {
    const stretches = settings === null ? [] : taskStretches(stepsPerRound, (round) => roundName(settings, round));
    const { steps, rounds, losses } = columns;
    const drawn = drawnIndices(losses, MAX_POINTS);
    const line = (values: readonly (number | null)[]): ChartPoint[] =>
      withGaps(drawn.map((i) => ({ x: steps[i], y: values[i] ?? null, round: rounds[i] })));
    return {
      losses: line(losses),
      averages: line(averages),
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
  const chart = useMemo(() => chartOf(data, log, label, hasEnded), [data, log, label, hasEnded]);
  const read = (x: number): { x: number; words: string } | null => {
    if (last < 0) return null;
    const i = nearest(columns.steps, x);
    const step = columns.steps[i];
    const task = taskAt(step) === NONE ? '' : ` (${taskAt(step)})`;
    return {
      x: step,
      words: `step ${step}${task}: loss ${significant(columns.losses[i])}, average ${significant(averages[i])}`,
    };
  };
  const numbers = ['step', 'round', 'task', 'loss', 'average', 'gradient norm'];
  return (
    <Section
      title="Loss"
      testId="loss-chart"
      tools={
        <>
          <SmoothingTool />
          <Check className="choice muted" isOn={log} set={(logLoss) => changeView({ logLoss })}>
            Log scale
          </Check>
        </>
      }
    >
      <Figure
        chart={chart}
        height={260}
        read={read}
        table={{
          title: 'Loss per step',
          caption: columns.steps.length > TABLE_ROWS ? `Loss at ${TABLE_ROWS} steps of the run` : 'Loss per step',
          columns: [
            ...['Step', 'Task', 'Loss', 'Average', 'Gradient norm'],
            ...(rates ? ['Rate (%)'] : []),
            ...(validation ? ['Held-out loss'] : []),
          ],
          rows: () =>
            sampledRows(columns.steps.length, TABLE_ROWS).map((i) => [
              String(columns.steps[i]),
              taskAt(columns.steps[i]),
              significant(columns.losses[i]),
              significant(averages[i]),
              significant(columns.gradientNorms[i]),
              ...(rates ? [percent(rates[i] ?? null)] : []),
              ...(validation ? [significant(heldOutLoss(validation, columns.steps[i]))] : []),
            ]),
          file: 'loss',
          numbers: () => ({
            columns: [...numbers, ...(rates ? ['rate factor'] : []), ...(validation ? ['held-out loss'] : [])],
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
    </Section>
  );
}

const NOT_YET = 'Losses appear with the first training steps.';
const NOT_SAVED = 'These results were saved without their losses, as studies save long runs.';

/** The parts of a run that the chart draws. */
interface LossData {
  readonly losses: readonly ChartPoint[];
  readonly averages: readonly ChartPoint[];
  readonly validation: HeldOutLosses;
  /** Steps whose weights tasks ended with, if they were chosen by the loss on held-out examples. */
  readonly taken: readonly number[];
  readonly stretches: readonly TaskStretch[];
  /** Steps of the whole run, so that the axis has its final length from the start. */
  readonly total: number;
}

/** A mark between two steps has no number. */
const stepText = (step: number): string => (Number.isInteger(step) ? whole(step) : '');

const stepAxis = ({ total }: Pick<LossData, 'total'>): Axis => ({
  from: 0.5,
  to: Math.max(total, 2) + 0.5,
  isLog: false,
});

/** The loss of every step, its average, the losses on held-out examples, and where each task begins. */
function chartOf(data: LossData, isLog: boolean, label: string, hasEnded: boolean): Chart {
  const { losses, averages, validation, taken, stretches } = data;
  const heldOut = validation.map(({ step, loss }) => ({ x: step, y: loss }));
  const top = axisOver(
    [...losses, ...heldOut].map(({ y }) => y),
    isLog,
  );
  return {
    label,
    lines: [
      { name: 'each step', color: 'var(--loss-raw)', width: 1, points: losses },
      { name: 'average', color: 'var(--accent)', width: 2, points: averages },
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
    formatX: stepText,
    formatY: significant,
    over: () =>
      losses.length > 0
        ? []
        : [svgNode('text', { className: styles.empty, x: '50%', y: '50%' }, hasEnded ? NOT_SAVED : NOT_YET)],
  };
}

/** The index of the number nearest to a value in an ascending list with at least one. */
function nearest(ascending: readonly number[], value: number): number {
  const after = ascending.findIndex((one) => one >= value);
  if (after <= 0) return after < 0 ? ascending.length - 1 : 0;
  return value - ascending[after - 1] < ascending[after] - value ? after - 1 : after;
}
