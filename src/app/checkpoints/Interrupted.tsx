import { roundName } from '../../run/schedule.ts';
import { bytes, moment, whole } from '../format.ts';
import notices from '../Notices.module.css';
import { usePage, usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import { methodTitle } from '../../methods/registry.ts';
import { AskTwice } from '../ui/AskTwice.tsx';
import buttons from '../ui/buttons.module.css';
import styles from './Interrupted.module.css';
import { offered } from './unfinished.ts';

/** Offers to resume or remove a run that a reload, a crash or Stop interrupted. */
export function Interrupted() {
  const { resumeFromCheckpoint, dropCheckpoint } = usePage();
  const unfinished = usePageState((state) => state.unfinished);
  const checkpoint = usePageState((state) => offered(state.unfinished, state.run));
  const active = usePageState(({ run }) => isActive(run.status));
  if (checkpoint === null || active) return null;
  const { settings, round, step, savedAt, bytes: size } = checkpoint;
  const tasks = settings.order.length;
  const where =
    round === 0 ? 'before training' : `while learning ${roundName(settings, round)} (task ${round} of ${tasks})`;
  return (
    <section className={`${notices.panel} ${styles.panel}`} aria-label="Unfinished run" data-testid="interrupted">
      <p>
        An unfinished run of <strong>{methodTitle(settings.method)}</strong> was saved at step {whole(step)}, {where},
        on {moment(new Date(savedAt).toISOString())} ({bytes(size)}). Resuming gives the same losses as an uninterrupted
        run.
        {unfinished.length > 1 &&
          ` ${unfinished.length === 2 ? 'Another unfinished run' : `${unfinished.length - 1} more unfinished runs`} can be resumed under Results.`}
      </p>
      <div className={`${buttons.row} ${styles.buttons}`}>
        <button
          type="button"
          className={buttons.primary}
          data-testid="resume-from-checkpoint"
          onClick={() => resumeFromCheckpoint(checkpoint)}
        >
          Resume at step {whole(step)}
        </button>
        <AskTwice
          verb="Remove"
          of="the unfinished run"
          className={buttons.plain}
          testId="drop-checkpoint"
          act={() => void dropCheckpoint(checkpoint.folder)}
        />
      </div>
    </section>
  );
}
