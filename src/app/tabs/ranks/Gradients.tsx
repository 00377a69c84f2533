import { memo, useMemo } from 'react';
import { axisOver } from '../../../charts/axis.ts';
import { roundingOf, spaceOf } from '../../../gorp/part/method-plan.ts';
import { planOf } from '../../../methods/registry.ts';
import { ChartDrawing, seriesColor, Sparkline } from '../../charts/Figure.tsx';
import { SaveTools } from '../../charts/save.tsx';
import { usePageState } from '../../state/page-context.tsx';
import { Fact, Section } from '../../ui/blocks.tsx';
import { percent, significant } from '../../ui/format.ts';
import { withTerms } from '../../ui/terms.tsx';
import styles from './ranks.module.css';
import { type LayerCourses, layerSummary, lineOf, NO_SAMPLES, NO_SPACES, shortName } from './ranks.ts';

/** One line that shows whether the projections work as intended. */
export function LayerSummary() {
  const spaces = usePageState(({ run }) => run.results?.spaces ?? NO_SPACES);
  const samples = usePageState(({ run }) => run.results?.health ?? NO_SAMPLES);
  const { orthonormality, projectedAway, leakage, largest } = useMemo(
    () => layerSummary(spaces, samples),
    [spaces, samples],
  );
  const method = usePageState(({ run, draft }) => (run.settings ?? draft).method);
  const space = spaceOf(planOf(method));
  if (largest === null) return null;
  return (
    <dl className="facts" data-testid="layer-summary">
      {projectedAway !== null && (
        <Fact
          name="Projected away"
          value={`${percent(projectedAway)} %`}
          note="of the latest gradients"
          title="Share of gradient energy removed because it lay in the shared spaces, mean over layers"
        />
      )}
      {leakage !== null && (
        <Fact
          name="Update leakage"
          value={`${percent(leakage)} %`}
          note="of the latest updates"
          title="Share of update energy that still falls in the shared spaces, because Adam scales each entry separately; mean over layers"
        />
      )}
      <Fact
        name="Largest gradient"
        value={significant(largest.gradientNorm)}
        note={shortName(largest.name)}
        title="Largest gradient norm of a layer before clipping, at the latest step"
      />
      {orthonormality !== null && space !== undefined && (
        <Fact
          name={space.part === 'input-space' ? 'Error of projections' : 'Orthonormality'}
          value={orthonormality.toExponential(1)}
          note={orthonormality <= roundingOf(space) ? 'rounding only' : 'too large: projections are inexact'}
          warn={orthonormality > roundingOf(space)}
          title="How far the spaces on the device are from exact, the worst of all"
        />
      )}
    </dl>
  );
}

/** Gradient norm of every layer over the run, on one log scale. Memoised: selecting a map cell does not redraw it. */
export const Gradients = memo(function Gradients({ courses }: { courses: LayerCourses }) {
  const samples = usePageState(({ run }) => run.results?.health ?? NO_SAMPLES);
  const steps = usePageState(({ run }) => run.stepsPerRound.reduce((sum, count) => sum + count, 0));
  const rows = useMemo(() => {
    const lines = [...courses].map(([name, line]) => ({ name, points: lineOf(line, 'gradientNorm') }));
    return lines.map(({ name, points }) => ({
      name,
      latest: points.at(-1)?.value ?? null,
      // A logarithmic scale cannot show 0.
      points: points.flatMap(({ step, value }) => (value > 0 ? [{ step, value: Math.log10(value) }] : [])),
    }));
  }, [courses]);
  const values = rows.flatMap(({ points }) => points.map(({ value }) => value));
  if (values.length === 0) return null;
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return (
    <Section
      title="Gradient norms"
      note={withTerms(
        `Each layer’s latest norm before clipping, and its history on a log scale from ${significant(10 ** low)} to ${significant(10 ** high)}. For adapters, A and B together.`,
        'adapter',
      )}
      testId="gradients"
      tools={
        <SaveTools
          file="gradients"
          title="Gradient norms"
          drawing={() => (
            <ChartDrawing
              label="Gradient norms, before clipping"
              lines={rows.map(({ name, points }, i) => ({
                name: shortName(name),
                color: seriesColor(i),
                dash: Math.floor(i / 7),
                points: points.map(({ step, value }) => ({ x: step, y: 10 ** value })),
              }))}
              x={{ from: 0, to: Math.max(steps, 1), isLog: false }}
              y={axisOver([10 ** low, 10 ** high], true)}
              xName="step"
              yName="gradient norm"
              formatX={String}
              formatY={significant}
              width={960}
              height={360}
            />
          )}
          numbers={() => ({
            columns: ['step', 'round', 'layer', 'part', 'gradient norm', 'projected away', 'leakage'],
            rows: samples.flatMap(({ step, round, layers }) =>
              layers.map(({ name, part, gradientNorm, projectedAway, leakage }) => [
                step,
                round,
                name,
                part,
                gradientNorm,
                projectedAway,
                leakage,
              ]),
            ),
          })}
        />
      }
    >
      <ul className={`scroll small ${styles.gradients}`} tabIndex={0} aria-label="Gradient norms of all layers">
        {rows.map(({ name, latest, points }) => (
          <li key={name} title={name}>
            <span className="cut">{shortName(name)}</span>
            <span>{significant(latest)}</span>
            <Sparkline points={points} steps={steps} low={low} high={high} />
          </li>
        ))}
      </ul>
    </Section>
  );
});
