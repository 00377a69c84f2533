import { roundName } from '../../run/settings/schedule.ts';
import type { StoredCheckpoint } from '../../worker/protocol.ts';
import { bytes, moment, whole } from '../format.ts';

import { usePage, usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import { methodTitle } from '../../methods/registry.ts';
import { AskTwice } from '../ui/AskTwice.tsx';
import buttons from '../ui/buttons.module.css';
import styles from './Interrupted.module.css';
import { offered } from './unfinished.ts';

/** Offers to resume or remove the runs that a reload, a crash or Stop interrupted. */
export function Interrupted() {
  const { resumeFromCheckpoint, dropCheckpoint } = usePage();
  const unfinished = usePageState((state) => state.unfinished);
  const checkpoint = usePageState((state) => offered(state.unfinished, state.run));
  const active = usePageState(({ run }) => isActive(run.status));
  if (checkpoint === null || active) return null;
  const others = unfinished.filter((one) => one !== checkpoint);
  return (
    <section className={`${styles.panel} ${styles.interrupted}`} aria-label="Unfinished run" data-testid="interrupted">
      <p>
        An unfinished run of <strong>{methodTitle(checkpoint.settings.method)}</strong> was saved {placeOf(checkpoint)}.
        Resuming gives the same losses as an uninterrupted run.
      </p>
      <div className={`${buttons.row} ${styles.buttons}`}>
        <button
          type="button"
          className={buttons.primary}
          data-testid="resume-from-checkpoint"
          onClick={() => resumeFromCheckpoint(checkpoint)}
        >
          Resume at step {whole(checkpoint.step)}
        </button>
        <AskTwice
          verb="Remove"
          of="the unfinished run"
          className={buttons.plain}
          testId="drop-checkpoint"
          act={() => void dropCheckpoint(checkpoint.folder)}
        />
      </div>
      {others.length > 0 && (
        <details>
          <summary>{others.length === 1 ? 'Another unfinished run' : `${others.length} more unfinished runs`}</summary>
          <ul className={styles.others}>
            {others.map((other) => (
              <li key={other.folder} data-testid="other-unfinished">
                <span>
                  {methodTitle(other.settings.method)}, seed {other.settings.training.seed}, {placeOf(other)}
                </span>
                <button
                  type="button"
                  className={`${buttons.plain} ${buttons.small}`}
                  aria-label={`Resume at step ${whole(other.step)} ${methodTitle(other.settings.method)}`}
                  onClick={() => resumeFromCheckpoint(other)}
                >
                  Resume at step {whole(other.step)}
                </button>
                <AskTwice
                  verb="Remove"
                  of={`the unfinished run of ${methodTitle(other.settings.method)}`}
                  className={`${buttons.plain} ${buttons.small}`}
                  act={() => void dropCheckpoint(other.folder)}
                />
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

/** `at step 96, while learning field (task 2 of 4), on 2026-11-30 15:21 (1.86 MiB)`. */
function placeOf({ settings, round, step, savedAt, bytes: size }: StoredCheckpoint): string {
  const where =
    round === 0
      ? 'before training'
      : `while learning ${roundName(settings, round)} (task ${round} of ${settings.order.length})`;
  return `at step ${whole(step)}, ${where}, on ${moment(new Date(savedAt).toISOString())} (${bytes(size)})`;
}
