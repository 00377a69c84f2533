import { type ErrorReport, explained } from '../../base/errors.ts';
import { useId, useState } from 'react';
import {
  adviceFor,
  type MemoryPlan,
  type MemoryMoment,
  PART_NAMES,
  PARTS,
  WHILE,
} from '../../run/planning/memory-plan.ts';
import { hubOrigin } from '../../weights/hub.ts';
import { parseModelReference } from '../../weights/model-reference.ts';
import { bytes } from '../ui/format.ts';
import { budgetRefusal } from '../state/preferences.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import styles from './form.module.css';

/** The device memory that the run would need, and the limit on it. */
export function MemoryField() {
  const state = usePageState(({ memoryPlan }) => memoryPlan);
  const plan = state.status === 'planned' ? state.plan : state.status === 'planning' ? state.last : null;
  return (
    <section className="stack" aria-labelledby="setup-memory" data-testid="memory-plan" data-status={state.status}>
      <h2 id="setup-memory" className="label">
        Memory
      </h2>
      <div role="status">
        {plan !== null && <Planned plan={plan} isOld={state.status === 'planning'} />}
        {state.status === 'planning' && plan === null && <p className="help">Planning…</p>}
        {state.status === 'none' && <p className="help">Shown once the settings are complete.</p>}
        {state.status === 'unknown-model' && <p className="help">Shown once the model has been looked up.</p>}
        {state.status === 'failed' && state.error.code === 'run/too-little-memory' && <Refusal error={state.error} />}
        {state.status === 'failed' && state.error.code !== 'run/too-little-memory' && (
          <p className="help">Shown once the model’s config can be read. {explained(state.error)}</p>
        )}
      </div>
      <LookUp />
      <Budget />
    </section>
  );
}

/** Fetches the model's config from its server, and only when pressed. */
function LookUp() {
  const { lookUp } = usePage();
  const state = usePageState(({ memoryPlan }) => memoryPlan);
  const model = usePageState(({ draft }) => draft.model);
  const endpoint = usePageState(({ access }) => access.hub.endpoint);
  const reference = parseModelReference(model);
  const hasFailed = state.status === 'failed' && state.error.code !== 'run/too-little-memory';
  if (reference?.kind !== 'hub' && reference?.kind !== 'url') return null;
  if (state.status !== 'unknown-model' && !hasFailed) return null;
  const server = hubOrigin(reference.kind === 'hub' ? endpoint : reference.url) ?? 'the hub';
  return (
    <button type="button" className="link small" data-testid="look-up" onClick={lookUp}>
      Look up {model} at {server}
    </button>
  );
}

/** Bytes that the desktop leaves free on a 6 GiB laptop card. */
const COMMON_CARD = 5 * 2 ** 30;

function Planned({ plan, isOld }: { plan: MemoryPlan; isOld: boolean }) {
  const budget = usePageState(({ memoryBudget }) => memoryBudget);
  const draft = usePageState((state) => state.draft);
  const refusal = budgetRefusal(plan, budget, draft);
  const others = (Object.keys(plan.moments) as MemoryMoment[]).filter((moment) => moment !== plan.moment);
  return (
    <div className={`stack ${styles.planned}`} data-old={isOld}>
      <p>
        At most <strong data-testid="planned-total">{bytes(plan.total)}</strong> while {WHILE[plan.moment]}
      </p>
      {refusal !== null && <Refusal error={refusal} />}
      {budget === null && plan.total > COMMON_CARD && (
        <p className="help" data-testid="memory-warning">
          Many graphics cards have no more than {bytes(COMMON_CARD)} for this. {adviceFor(draft.training, plan.moment)}
        </p>
      )}
      <details className="more">
        <summary>Breakdown</summary>
        <table className={`table ${styles.plain}`}>
          <caption className="hidden-visually">Memory by use, while {WHILE[plan.moment]}</caption>
          <tbody>
            {PARTS.filter((part) => plan.parts[part] > 0).map((part) => (
              <tr key={part}>
                <th scope="row">{PART_NAMES[part]}</th>
                <td>{bytes(plan.parts[part])}</td>
              </tr>
            ))}
            {others.map((moment) => (
              <tr key={moment} className="muted">
                <th scope="row">Total, while {WHILE[moment]}</th>
                <td>{bytes(plan.moments[moment] ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {plan.host > 0 && (
          <p className="help" data-testid="host-memory">
            The spaces of earlier tasks also take up to {bytes(plan.host)} of the computer’s own memory.
          </p>
        )}
        <p className="help">
          Assumes texts of full length. The run plans again from its tasks before any download. Drivers need a little
          more.
        </p>
      </details>
    </div>
  );
}

function Refusal({ error }: { error: Pick<ErrorReport, 'message' | 'nextStep'> }) {
  return (
    <p className="notice bad small" data-testid="memory-refusal">
      {explained(error)}
    </p>
  );
}

function Budget() {
  const { prefer } = usePage();
  const budget = usePageState(({ memoryBudget }) => memoryBudget);
  const id = useId();
  // While a person types, the field shows the typed text.
  const [typed, setTyped] = useState<string | null>(null);
  const isWrong = typed !== null && typed !== '' && !isBudget(Number(typed));
  return (
    <div className={styles.row}>
      <label htmlFor={id}>Memory to use, GiB</label>
      <input
        id={id}
        className={styles.number}
        type="number"
        inputMode="decimal"
        step="any"
        min="0"
        placeholder="any"
        data-testid="memory-budget"
        value={typed ?? budget ?? ''}
        aria-invalid={isWrong}
        aria-describedby={`${id}-help`}
        onChange={({ target }) => {
          setTyped(target.value);
          const value = target.valueAsNumber;
          prefer({ memoryBudget: isBudget(value) ? value : null });
        }}
        onBlur={() => setTyped(null)}
      />
      <p id={`${id}-help`} className={isWrong ? 'help bad' : 'help'}>
        {isWrong
          ? 'Must be a number above 0, or empty.'
          : 'Browsers hide your GPU’s memory size. Enter it, and a run that needs more is refused before any download.'}
      </p>
    </div>
  );
}

const isBudget = (value: number): boolean => Number.isFinite(value) && value > 0;
