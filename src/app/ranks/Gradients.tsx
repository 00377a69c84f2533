import { useMemo } from 'react';
import { significant } from '../format.ts';
import { usePageState } from '../page-context.tsx';
import { Section } from '../ui/Section.tsx';
import styles from './Gradients.module.css';
import { layerLines, lineOf, shortName } from './ranks.ts';
import { Sparkline } from './Sparkline.tsx';

/** The norm of every layer's gradient over the run, on one logarithmic scale. */
export function Gradients() {
  const samples = usePageState(({ run }) => run.layerSamples);
  const steps = usePageState(({ run }) => run.plan?.stepsPerRound.reduce((sum, count) => sum + count, 0) ?? 0);
  const rows = useMemo(() => {
    const lines = [...layerLines(samples)].map(([name, line]) => ({ name, points: lineOf(line, 'gradientNorm') }));
    return lines.map(({ name, points }) => ({
      name,
      latest: points.at(-1)?.value ?? null,
      // A logarithm has no place for 0.
      points: points.flatMap(({ step, value }) => (value > 0 ? [{ step, value: Math.log10(value) }] : [])),
    }));
  }, [samples]);
  const values = rows.flatMap(({ points }) => points.map(({ value }) => value));
  if (values.length === 0) return null;
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return (
    <Section
      title="Gradient norms"
      note={`The latest of each layer, before clipping, and its course on a logarithmic scale from ${significant(10 ** low)} to ${significant(10 ** high)}. For adapters, A and B together.`}
      testId="gradients"
    >
      <ul className={styles.list}>
        {rows.map(({ name, latest, points }) => (
          <li key={name} title={name} className={styles.row}>
            <span className={styles.name}>{shortName(name)}</span>
            <span className={styles.value}>{significant(latest)}</span>
            <Sparkline points={points} steps={steps} low={low} high={high} />
          </li>
        ))}
      </ul>
    </Section>
  );
}
