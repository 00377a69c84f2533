import { useId, useState } from 'react';
import { type ErrorReport, reportOf } from '../../../base/errors.ts';
import { visibleText } from '../../../base/visible.ts';
import { METHOD_NAMES, type MethodName } from '../../../methods/registry.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { MOST_SEEDS, offeredOrders, parseSeeds, settingsOfQueue } from '../../state/queue.ts';
import { ErrorLine, Section } from '../../ui/blocks.tsx';
import { Check } from '../../ui/controls.tsx';
import styles from './queue.module.css';
import { QueueList } from './QueueList.tsx';

/** Adds methods × orders × seeds to the queue; all other settings come from the form. */
export function AddRuns() {
  const { queue, store, afterReading } = usePage();
  const draft = usePageState((state) => state.draft);
  const isMine = usePageState((state) => state.queue.isMine);
  const isTaught = usePageState(({ teaches }) => teaches !== null);
  const [chosen, setChosen] = useState<readonly MethodName[] | null>(null);
  const [orderNames, setOrderNames] = useState<readonly string[]>(['As set up']);
  const [seedText, setSeedText] = useState('1, 2, 3');
  const [problem, setProblem] = useState<ErrorReport | null>(null);
  const seedsId = useId();
  const methods = METHOD_NAMES.filter((name) => (chosen ?? [draft.method.name]).includes(name));
  const offered = offeredOrders(draft.order);
  const orders = offered.filter(({ name }) => orderNames.includes(name));
  const seeds = parseSeeds(seedText);
  const count = methods.length * orders.length * (seeds?.length ?? 0);
  const toggled = <T,>(list: readonly T[], item: T, isIn: boolean): T[] =>
    isIn ? [...list, item] : list.filter((other) => other !== item);
  const add = (): void => {
    try {
      queue.add(
        settingsOfQueue(
          store.getState().draft,
          methods,
          orders.map(({ order }) => order),
          seeds ?? [],
        ),
      );
      setProblem(null);
    } catch (error) {
      setProblem(reportOf(error));
    }
  };
  return (
    <Section
      title="Add runs"
      note="One run for each method, order and seed. All other settings come from the form on the left; methods not selected there use their presets."
      testId="add-runs"
    >
      <form
        className={`stack ${styles.form}`}
        onSubmit={(event) => {
          event.preventDefault();
          afterReading(add);
        }}
      >
        <fieldset className={styles.group}>
          <legend className={`label ${styles.legend}`}>Methods</legend>
          <div className={`row ${styles.choices}`}>
            {METHOD_NAMES.map((name) => (
              <Check
                key={name}
                testId={`queue-method-${name}`}
                isOn={methods.includes(name)}
                set={(isOn) => setChosen(toggled(methods, name, isOn))}
              >
                {name}
              </Check>
            ))}
          </div>
        </fieldset>
        <fieldset className={styles.group}>
          <legend className={`label ${styles.legend}`}>Orders</legend>
          <div className={`row ${styles.choices}`}>
            {offered.map(({ name, order }) => (
              <Check
                key={name}
                isOn={orderNames.includes(name)}
                set={(isOn) => setOrderNames(toggled(orderNames, name, isOn))}
              >
                <span>
                  {name} <span className="muted wrap">{visibleText(order.join(', '), 1000)}</span>
                </span>
              </Check>
            ))}
          </div>
        </fieldset>
        <div className={styles.group}>
          <label className={`label ${styles.legend}`} htmlFor={seedsId}>
            Seeds
          </label>
          <div>
            <input
              id={seedsId}
              className={styles.seeds}
              data-testid="queue-seeds"
              value={seedText}
              aria-invalid={seeds === null}
              aria-describedby={`${seedsId}-help`}
              onChange={({ target }) => setSeedText(target.value)}
            />
          </div>
          <p id={`${seedsId}-help`} className={seeds === null ? 'about bad' : 'about'}>
            Whole numbers, such as 1, 2, 5-7; at most {MOST_SEEDS}.
          </p>
        </div>
        <div className="buttons">
          <button
            type="submit"
            className="primary"
            data-testid="queue-add"
            disabled={!isMine || count === 0 || isTaught}
          >
            {count === 1 ? 'Add 1 run' : `Add ${count} runs`}
          </button>
        </div>
        {isTaught && (
          <p className="about" data-testid="queue-taught">
            Runs of the queue begin with a base model, but the form teaches a model more: choose a base model there
            first.
          </p>
        )}
        {problem !== null && <ErrorLine error={problem} isNew />}
      </form>
    </Section>
  );
}

/** The queue, and the form that adds runs to it. */
export function QueueTab() {
  return (
    <div className="sections">
      <QueueList />
      <AddRuns />
    </div>
  );
}
