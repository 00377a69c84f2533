import { useMemo } from 'react';
import { roundingOf, spaceOf } from '../../../gorp/part/method-plan.ts';
import { planOf } from '../../../methods/registry.ts';
import { usePageState } from '../../state/page-context.tsx';
import { percent, significant } from '../../ui/format.ts';
import styles from './ranks.module.css';
import { layerSummary, NO_SAMPLES, NO_SPACES, shortName } from './ranks.ts';

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

interface Props {
  name: string;
  value: string;
  note: string;
  title: string;
  warn?: boolean;
}

function Fact({ name, value, note, title, warn = false }: Props) {
  return (
    <div title={title} data-warn={warn}>
      <dt>{name}</dt>
      <dd>
        <span className={styles.fact}>{value}</span> <span className="muted small">{note}</span>
      </dd>
    </div>
  );
}
