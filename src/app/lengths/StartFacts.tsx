import { explained } from '../../base/errors.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import fields from '../setup/field.module.css';
import { concernsOf, usedBy } from './start-facts.ts';
import styles from './StartFacts.module.css';

/** What the run will use of its settings, and which texts it would cut, beside _Start_. */
export function StartFacts({ id }: { id: string }) {
  const { edit, countTexts } = usePage();
  const draft = usePageState((state) => state.draft);
  const state = usePageState((all) => all.lengths);
  const active = usePageState(({ run }) => isActive(run.status));
  const lengths = state.status === 'counted' ? state.lengths : state.status === 'counting' ? state.last : null;
  if (active) return null;
  return (
    <div id={id} className={styles.facts} data-testid="start-facts" data-status={state.status}>
      <p>{usedBy(draft, lengths)}</p>
      {concernsOf(draft, lengths).map(({ text, isGrave, change }) => (
        <p key={text} className={isGrave ? styles.grave : styles.concern}>
          {text}{' '}
          {change && (
            <button
              type="button"
              className={fields.link}
              onClick={() =>
                edit(({ training, ...rest }) => ({ ...rest, training: { ...training, ...change.training } }))
              }
            >
              {change.label}
            </button>
          )}
        </p>
      ))}
      {state.status === 'failed' && <p className={styles.grave}>{explained(state.error)}</p>}
      {state.status === 'elsewhere' && (
        <button type="button" className={fields.link} data-testid="count-texts" onClick={countTexts}>
          Load the tokenizer and the tasks to count their tokens
        </button>
      )}
    </div>
  );
}
