import { useMemo } from 'react';
import type { Results } from '../../../run/results/results.ts';
import { roundName } from '../../../run/settings/schedule.ts';
import { axisOver } from '../../../charts/axis.ts';
import type { Chart, ChartBorder } from '../../../charts/chart.ts';
import { Figure, sampledRows } from '../../charts/Figure.tsx';
import { SmoothingTool } from '../../shared/score-tools.tsx';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { significant, whole } from '../../ui/format.ts';
import { Section } from '../../ui/blocks.tsx';
import { Check } from '../../ui/controls.tsx';
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

/** Says how many runs have no losses, as studies save long ones. */
function without(groups: readonly SettingsGroup[]): string {
  const runs = groups.flatMap((group) => group.runs);
  const bare = runs.filter(({ results }) => results.curves.step.length === 0).length;
  if (bare === 0) return '';
  const which = bare === runs.length ? 'These runs were' : `${bare} of these runs ${bare === 1 ? 'was' : 'were'}`;
  return ` ${which} saved without losses, as studies save long runs unless their plan says “curves”.`;
}

/** Table rows per line. */
const TABLE_ROWS = 40;

/** The losses of the compared runs, smoothed. */
export function LossOverlay({ groups }: { groups: readonly SettingsGroup[] }) {
  const { compare } = usePage();
  const by = usePageState((state) => state.compare.by);
  const band = usePageState((state) => state.compare.band);
  const logLoss = usePageState((state) => state.compare.logLoss);
  const logSteps = usePageState((state) => state.compare.logSteps);
  const smoothing = usePageState(({ view }) => view.smoothing);
  const lines = useMemo(
    () => overlayLines(groups, { by, band }, (results) => lossCurve(results, smoothing)),
    [groups, by, band, smoothing],
  );
  const chart = useMemo((): Chart => {
    const drawn = lines.map(thinnedLine);
    const points = drawn.flatMap((line) => line.points);
    const y = axisOver(
      points.map((point) => point.y),
      logLoss,
    );
    return {
      label: 'Loss of the compared runs; the table below has the numbers.',
      lines: drawn,
      borders: sharedBorders(groups.flatMap(({ runs }) => runs.map(({ results }) => results))),
      x: axisOver(
        points.map(({ x }) => x),
        logSteps,
        0,
      ),
      y: logLoss ? y : { ...y, from: 0 },
      xName: 'step',
      yName: 'loss',
      formatX: whole,
      formatY: significant,
    };
  }, [groups, lines, logLoss, logSteps]);
  return (
    <Section
      title="Loss"
      testId="overlay-loss"
      note={`Moving average over every optimizer step, restarted with each task.${without(groups)}`}
      tools={
        <>
          <SmoothingTool />
          <Check className="choice muted" isOn={logLoss} set={(isOn) => compare.show({ logLoss: isOn })}>
            Log loss
          </Check>
          <Check className="choice muted" isOn={logSteps} set={(isOn) => compare.show({ logSteps: isOn })}>
            Log steps
          </Check>
        </>
      }
    >
      <Figure
        chart={chart}
        table={{
          caption: 'Loss of the compared runs',
          columns: ['Line', 'Step', 'Loss'],
          rows: () =>
            lines.flatMap((line) =>
              sampledRows(line.points.length, TABLE_ROWS).map((i) => [
                line.name,
                whole(line.points[i].x),
                significant(line.points[i].y),
              ]),
            ),
          file: 'compare-loss',
          numbers: () => lineNumbers(lines, 'step', 'loss'),
        }}
      />
    </Section>
  );
}
