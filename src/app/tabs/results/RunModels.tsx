import { useId, useMemo, useState } from 'react';
import { methodTitle } from '../../../methods/registry.ts';
import type { ModelOfRun } from '../../../worker/protocol.ts';
import { usePageState } from '../../state/page-context.tsx';
import { useStoredRounds, useStoredState } from '../../state/saved-rounds.ts';
import { AskTwice } from '../../ui/AskTwice.tsx';
import choice from '../../ui/Choice.module.css';
import { bytes, moment } from '../../ui/format.ts';
import styles from './FilesSection.module.css';

/** GiB that a person can let the models of runs take. */
const BUDGETS = [1, 2, 5, 10, 20, 50] as const;
const USUAL = 5;
const KEY = 'gorp-web-model-budget';
const GIB = 2 ** 30;

/** The budget that the person chose, in GiB. */
function readBudget(): number {
  try {
    return BUDGETS.find((one) => String(one) === localStorage.getItem(KEY)) ?? USUAL;
  } catch {
    return USUAL; // storage is blocked
  }
}

function saveBudget(gib: number): void {
  try {
    localStorage.setItem(KEY, String(gib));
  } catch {
    // Then it lasts as long as the page.
  }
}

/** The models that have to go, the oldest first, for the others to fit into the budget; never the one in use. */
export function overBudget(models: readonly ModelOfRun[], gib: number): ModelOfRun[] {
  let left = models.reduce((sum, { bytes }) => sum + bytes, 0) - gib * GIB;
  return models
    .toSorted((a, b) => a.savedAt - b.savedAt)
    .filter(({ isShown, bytes }) => {
      if (left <= 0 || isShown) return false;
      left -= bytes;
      return true;
    });
}

interface Props {
  isBusy: boolean;
  /** A paused run, which may wait for room, does not prevent it. */
  canRemove: boolean;
}

/** The models of all runs in this browser, to use one or remove some. Nothing is removed unasked. */
export function RunModels({ isBusy, canRemove }: Props) {
  const stored = useStoredRounds();
  const models = useStoredState((state) => state.models);
  const names = useRunNames();
  const [budget, setBudget] = useState(readBudget);
  const field = useId();
  if (models.length === 0) return null;
  const total = models.reduce((sum, model) => sum + model.bytes, 0);
  const offered = overBudget(models, budget);
  return (
    <details className={styles.models} data-testid="run-models" open={offered.length > 0 || undefined}>
      <summary>
        Models of {models.length === 1 ? '1 run' : `${models.length} runs`} in this browser: {bytes(total)}
      </summary>
      <p className={styles.about}>
        <label htmlFor={field}>Offer to remove the oldest above </label>
        <select
          id={field}
          className={choice.select}
          value={budget}
          data-testid="model-budget"
          onChange={({ target }) => {
            setBudget(Number(target.value));
            saveBudget(Number(target.value));
          }}
        >
          {BUDGETS.map((gib) => (
            <option key={gib} value={gib}>
              {gib} GiB
            </option>
          ))}
        </select>
      </p>
      {offered.length > 0 && (
        <p className={styles.problem} role="status" data-testid="over-budget">
          They take more than {budget} GiB.{' '}
          <AskTwice
            verb="Remove"
            of="from this browser"
            what={` ${offered.length === 1 ? 'the oldest' : `the ${offered.length} oldest`} (${bytes(offered.reduce((sum, model) => sum + model.bytes, 0))})`}
            className={styles.button}
            isDisabled={!canRemove}
            act={() => {
              for (const { folder } of offered) stored.remove(folder);
            }}
          />
        </p>
      )}
      {offered.length === 0 && total > budget * 2 ** 30 && (
        <p className={styles.about} data-testid="budget-too-small">
          The model in use alone takes more than {budget} GiB. It stays until you remove it.
        </p>
      )}
      <ul className={styles.list}>
        {models.map((model) => (
          <li key={model.folder} data-testid="run-model">
            {nameOf(model, names)}
            {model.isShown ? (
              ', in use '
            ) : (
              <>
                {' '}
                <button
                  type="button"
                  className={styles.button}
                  disabled={isBusy}
                  aria-label={`Use the model of ${nameOf(model, names)}`}
                  onClick={() => stored.use(model.folder)}
                >
                  Use
                </button>
              </>
            )}{' '}
            <AskTwice
              verb="Remove"
              of={`the model of ${nameOf(model, names)}`}
              className={styles.button}
              isDisabled={!canRemove}
              act={() => stored.remove(model.folder)}
            />
          </li>
        ))}
      </ul>
    </details>
  );
}

/** What the person called the runs in the history, by id. */
function useRunNames(): ReadonlyMap<string, string> {
  const runs = usePageState(({ history }) => history);
  return useMemo(() => new Map(runs.map(({ id = '', name = '' }) => [id, name])), [runs]);
}

function nameOf(
  { run, settings, round, savedAt, bytes: size }: ModelOfRun,
  names: ReadonlyMap<string, string>,
): string {
  const saved = `${moment(new Date(savedAt).toISOString())} (${bytes(size)})`;
  if (settings === null) return `a run that cannot be read, ${saved}`;
  const given = names.get(run ?? '') ?? '';
  const own = `${methodTitle(settings.method)}, seed ${settings.training.seed}, round ${round} of ${settings.order.length}, ${saved}`;
  return given === '' ? own : `${given}: ${own}`;
}
