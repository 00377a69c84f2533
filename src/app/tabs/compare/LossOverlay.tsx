import { useMemo, useRef } from 'react';
import type { Results } from '../../../run/results/results.ts';
import { roundName } from '../../../run/settings/schedule.ts';
import { axisOver } from '../../../charts/axis.ts';
import { DataTable } from '../../charts/DataTable.tsx';
import type { ChartBorder } from '../../../charts/chart.ts';
import { LineChart } from '../../charts/LineChart.tsx';
import { drawingIn } from '../../charts/save.tsx';
import { sampledRows } from '../../charts/series.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { significant, whole } from '../../ui/format.ts';
import { Section } from '../../ui/Section.tsx';
import { lineNumbers, lossCurve, overlayLines, thinnedLine } from './curves.ts';
import type { SettingsGroup } from './settings-groups.ts';

/** Where each round of a run begins, by its first step. */
function bordersOf({ curves, settings }: Pick<Results, 'curves' | 'settings'>): ChartBorder[] {
  return curves.step.flatMap((x, i) =>
    i > 0 && curves.round[i] === curves.round[i - 1] ? [] : [{ x, name: roundName(settings, curves.round[i]) }],
  );
}

/**
 * The borders that several runs share; none where they differ, since a border would then be true of some of them only.
 * A run that was stopped has fewer, which say nothing against the rest.
 */
export function sharedBorders(runs: readonly Pick<Results, 'curves' | 'settings'>[]): ChartBorder[] {
  const all = runs.map(bordersOf);
  const longest = all.reduce((a, b) => (b.length > a.length ? b : a), []);
  const fits = (borders: readonly ChartBorder[]): boolean =>
    borders.every(({ x, name }, i) => longest[i].x === x && longest[i].name === name);
  return all.every(fits) ? longest : [];
}

/** Table rows per line. */
const TABLE_ROWS = 40;

/** The losses of the compared runs, smoothed. */
export function LossOverlay({ groups }: { groups: readonly SettingsGroup[] }) {
  const { compare, changeView } = usePage();
  const by = usePageState((state) => state.compare.by);
  const band = usePageState((state) => state.compare.band);
  const logLoss = usePageState((state) => state.compare.logLoss);
  const logSteps = usePageState((state) => state.compare.logSteps);
  const smoothing = usePageState(({ view }) => view.smoothing);
  const frame = useRef<HTMLDivElement>(null);
  const lines = useMemo(
    () => overlayLines(groups, { by, band }, (results) => lossCurve(results, smoothing)),
    [groups, by, band, smoothing],
  );
  const drawn = useMemo(() => lines.map(thinnedLine), [lines]);
  const points = drawn.flatMap((line) => line.points);
  const borders = useMemo(
    () => sharedBorders(groups.flatMap(({ runs }) => runs.map(({ results }) => results))),
    [groups],
  );
  const top = axisOver(
    points.map(({ y }) => y),
    logLoss,
  );
  return (
    <Section
      title="Loss"
      testId="overlay-loss"
      note="Moving average over every optimizer step, restarted with each task."
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
              onChange={({ target }) => changeView({ smoothing: target.valueAsNumber })}
            />
            {smoothing.toFixed(2)}
          </label>
          <label className="choice muted">
            <input
              type="checkbox"
              checked={logLoss}
              onChange={({ target }) => compare.show({ logLoss: target.checked })}
            />
            Log loss
          </label>
          <label className="choice muted">
            <input
              type="checkbox"
              checked={logSteps}
              onChange={({ target }) => compare.show({ logSteps: target.checked })}
            />
            Log steps
          </label>
        </>
      }
    >
      <div ref={frame}>
        <LineChart
          label="Loss of the compared runs; the table below has the numbers."
          lines={drawn}
          borders={borders}
          x={axisOver(
            points.map(({ x }) => x),
            logSteps,
            0,
          )}
          y={logLoss ? top : { ...top, from: 0 }}
          xName="step"
          yName="loss"
          formatX={whole}
          formatY={significant}
        />
      </div>
      <DataTable
        caption="Loss of the compared runs"
        columns={['Line', 'Step', 'Loss']}
        rows={() =>
          lines.flatMap((line) =>
            sampledRows(line.points.length, TABLE_ROWS).map((i) => [
              line.name,
              whole(line.points[i].x),
              significant(line.points[i].y),
            ]),
          )
        }
        save={{
          file: 'compare-loss',
          draw: (take) => drawingIn(frame.current, take),
          numbers: () => lineNumbers(lines, 'step', 'loss'),
        }}
      />
    </Section>
  );
}
