import { useId } from 'react';
import { ErrorText } from '../ErrorText.tsx';
import { NONE } from '../format.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import { draftIssues } from '../setup/validate.ts';
import buttons from '../ui/buttons.module.css';
import { Dialog, DialogFoot } from '../ui/Dialog.tsx';
import { keyOf } from '../ui/key-of.ts';
import type { Offer } from './offer.ts';
import styles from './OfferDialog.module.css';
import { changesOf, type SetUp } from './set-up.ts';

/** Compares a set-up from a link or a file with the current one before it is applied. */
export function OfferDialog() {
  const offer = usePageState((state) => state.offer);
  return offer === null ? null : <OpenOffer key={keyOf(offer)} offer={offer} />;
}

function OpenOffer({ offer }: { offer: Offer }) {
  const { handOver } = usePage();
  const id = useId();
  return (
    <Dialog labelledBy={id} testId="offer" onClose={handOver.decline}>
      <div className={styles.content}>
        {'setUp' in offer ? (
          <OfferedSetUp id={id} from={offer.from} setUp={offer.setUp} />
        ) : (
          <>
            <h2 id={id}>This set-up cannot be applied</h2>
            <ErrorText error={offer.error} />
            <DialogFoot>
              <button type="button" className={buttons.plain} onClick={handOver.decline}>
                Close
              </button>
            </DialogFoot>
          </>
        )}
      </div>
    </Dialog>
  );
}

function OfferedSetUp({ id, from, setUp }: { id: string; from: string; setUp: SetUp }) {
  const { handOver } = usePage();
  const draft = usePageState((state) => state.draft);
  const data = usePageState((state) => state.taskData);
  const active = usePageState(({ run }) => isActive(run.status));
  const { settings, lacksModel } = setUp;
  const changes = changesOf(draft, settings);
  const issues = [...draftIssues(settings, data)];
  return (
    <>
      <h2 id={id}>{changes.length === 0 ? 'These are already your settings' : 'Apply this set-up?'}</h2>
      <p className={styles.about}>
        {from} holds the settings of a run. Nothing changes until you apply them, and no run starts.
        {lacksModel && ' Its model is on someone else’s disk, so yours stays.'}
      </p>
      {changes.length > 0 && (
        <div className={styles.scroll} tabIndex={0} role="region" aria-label="What would change">
          <table className={styles.table}>
            <caption className="hidden-visually">What would change</caption>
            <thead>
              <tr>
                <th scope="col">Setting</th>
                <th scope="col">Now</th>
                <th scope="col">Then</th>
              </tr>
            </thead>
            <tbody>
              {changes.map(({ path, name, now, then }) => (
                <tr key={path}>
                  <th scope="row" title={path}>
                    {name}
                  </th>
                  <td className={styles.now}>{now ?? NONE}</td>
                  <td>{then ?? NONE}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {issues.length > 0 && (
        <div className={styles.issues} data-testid="offer-issues">
          <p>To start it here, first fix:</p>
          <ul>
            {issues.map(([path, message]) => (
              <li key={path}>{message}</li>
            ))}
          </ul>
        </div>
      )}
      {active && <p className={styles.about}>A run is in progress. Apply these settings when it has ended.</p>}
      <DialogFoot>
        <button type="button" className={buttons.plain} data-testid="offer-decline" onClick={handOver.decline}>
          {changes.length > 0 ? 'Keep mine' : 'Close'}
        </button>
        {changes.length > 0 && (
          <button
            type="button"
            className={buttons.primary}
            data-testid="offer-accept"
            disabled={active}
            onClick={handOver.accept}
          >
            Apply
          </button>
        )}
      </DialogFoot>
    </>
  );
}
