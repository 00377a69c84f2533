import { memo, useMemo } from 'react';
import { axisOver } from '../../../charts/axis.ts';
import { seriesColor } from '../../charts/series.ts';
import { ChartDrawing } from '../../charts/Figure.tsx';
import { SaveTools, withDrawing } from '../../charts/save.tsx';
import { usePageState } from '../../state/page-context.tsx';
import { significant } from '../../ui/format.ts';
import { Section } from '../../ui/Section.tsx';
import { withTerms } from '../../ui/Term.tsx';
import { type LayerCourses, lineOf, NO_SAMPLES, shortName } from './ranks.ts';
import { Sparkline } from './Sparkline.tsx';
import styles from './ranks.module.css';

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
          draw={(take) =>
            withDrawing(
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
              />,
              take,
            )
          }
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
