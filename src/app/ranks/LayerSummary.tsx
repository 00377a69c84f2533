import { useMemo } from 'react';
import { percent, significant } from '../format.ts';
import { usePageState } from '../page-context.tsx';
import styles from './LayerSummary.module.css';
import { layerSummary, shortName } from './ranks.ts';

/** An error of orthonormality above this is more than rounding in f32. */
const ROUNDING = 1e-4;

/** Whether the projections do what they are meant to do, in one line. */
export function LayerSummary() {
  const spaces = usePageState(({ run }) => run.spaces);
  const samples = usePageState(({ run }) => run.layerSamples);
  const { orthonormality, projectedAway, leakage, largest } = useMemo(
    () => layerSummary(spaces, samples),
    [spaces, samples],
  );
  if (largest === null) return null;
  return (
    <dl className={styles.facts} data-testid="layer-summary">
      {orthonormality !== null && (
        <Fact
          name="Orthonormality"
          value={orthonormality.toExponential(1)}
          note={orthonormality <= ROUNDING ? 'rounding only' : 'off: projections are not exact'}
          warn={orthonormality > ROUNDING}
          title="‖SᵀS − I‖max, the worst of all spaces as the GPU holds them"
        />
      )}
      {projectedAway !== null && (
        <Fact
          name="Projected away"
          value={`${percent(projectedAway)} %`}
          note="of the latest gradients"
          title="Energy of the gradients that lay in the shared spaces and was taken away, mean over layers"
        />
      )}
      {leakage !== null && (
        <Fact
          name="Update leakage"
          value={`${percent(leakage)} %`}
          note="of the latest updates"
          title="Energy of the updates that lies in the shared spaces nevertheless, since Adam divides each entry by its own scale; mean over layers"
        />
      )}
      <Fact
        name="Largest gradient"
        value={significant(largest.gradientNorm)}
        note={shortName(largest.name)}
        title="Norm of the gradient of a layer before clipping, at the latest step"
      />
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
        <span className={styles.value}>{value}</span> <span className={styles.note}>{note}</span>
      </dd>
    </div>
  );
}
