import { useId } from 'react';
import { usePage, usePageState } from '../state/page-context.tsx';
import { isActive } from '../state/run-state.ts';
import { changesOf, type Offer, type SetUp } from '../state/set-up.ts';
import { draftIssues } from '../state/validate.ts';
import { CopyLink, PickFiles } from '../ui/controls.tsx';
import { Dialog, DialogFoot, keyOf } from '../ui/Dialog.tsx';
import { ErrorLine, ErrorText, PlainTable } from '../ui/blocks.tsx';
import { NONE } from '../ui/format.ts';
import styles from './form.module.css';

/** Shares the set-up as a link or a file, and opens one. */
export function ShareSetUp() {
  const { sharing } = usePage();
  const draft = usePageState((state) => state.draft);
  const problem = usePageState((state) => state.sharingProblem);
  const title = useId();
  return (
    <section className={`stack ${styles.more}`} aria-labelledby={title} data-testid="hand-over">
      <h2 id={title} className="label">
        Share this set-up
      </h2>
      <p className="help">
        All settings as a link or a file, without tokens, texts or file names. Opening it shows what would change and
        starts nothing.
      </p>
      <CopyLink label="Copy link" testId="copy-link" of={draft} link={sharing.link}>
        <button type="button" data-testid="save-set-up" onClick={sharing.saveFile}>
          Save set-up
        </button>
        <PickFiles
          label="Open a set-up…"
          accept=".json,application/json"
          testId="open-set-up"
          take={([file]) => void sharing.openFile(file)}
        />
      </CopyLink>
      {problem !== null && <ErrorLine error={problem} isNew />}
    </section>
  );
}

/** Compares a set-up from a link or a file with the current one before it is applied. */
export function OfferDialog() {
  const offer = usePageState((state) => state.offer);
  return offer === null ? null : <OpenOffer key={keyOf(offer)} offer={offer} />;
}

function OpenOffer({ offer }: { offer: Offer }) {
  const { sharing } = usePage();
  const id = useId();
  return (
    <Dialog labelledBy={id} testId="offer" onClose={sharing.decline}>
      <div className="parts">
        {'setUp' in offer ? (
          <OfferedSetUp id={id} from={offer.from} setUp={offer.setUp} />
        ) : (
          <>
            <h2 id={id}>This set-up cannot be applied</h2>
            <ErrorText error={offer.error} />
            <DialogFoot>
              <button type="button" onClick={sharing.decline}>
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
  const { sharing } = usePage();
  const draft = usePageState((state) => state.draft);
  const data = usePageState((state) => state.userTasks);
  const active = usePageState(({ run }) => isActive(run.status));
  const { settings, lacksModel } = setUp;
  const changes = changesOf(draft, settings);
  const issues = [...draftIssues(settings, data)];
  return (
    <>
      <h2 id={id}>{changes.length === 0 ? 'These are already your settings' : 'Apply this set-up?'}</h2>
      <p className="about">
        {from} holds the settings of a run. Nothing changes until you apply them, and no run starts.
        {lacksModel && ' Its model is on someone else’s disk, so yours stays.'}
      </p>
      {changes.length > 0 && (
        <PlainTable
          label="What would change"
          head={['Setting', 'Now', 'Then']}
          rows={changes.map(({ path, name, now, then }) => [
            <span key={path} title={path}>
              {name}
            </span>,
            <span key="now" className="muted">
              {now ?? NONE}
            </span>,
            then ?? NONE,
          ])}
          className={styles.changes}
          box="box tall"
        />
      )}
      {issues.length > 0 && (
        <div className="notice warn small" data-testid="offer-issues">
          <p>To start it here, first fix:</p>
          <ul>
            {issues.map(([path, message]) => (
              <li key={path}>{message}</li>
            ))}
          </ul>
        </div>
      )}
      {active && <p className="about">A run is in progress. Apply these settings when it has ended.</p>}
      <DialogFoot>
        <button type="button" data-testid="offer-decline" onClick={sharing.decline}>
          {changes.length > 0 ? 'Keep mine' : 'Close'}
        </button>
        {changes.length > 0 && (
          <button
            type="button"
            className="primary"
            data-testid="offer-accept"
            disabled={active}
            onClick={sharing.accept}
          >
            Apply
          </button>
        )}
      </DialogFoot>
    </>
  );
}
