import type { CheckpointsCommand, KeptCheckpoint } from '../../worker/protocol.ts';
import { isActive } from '../run-state.ts';
import type { PageStore } from '../store.ts';
import type { AskForCheckpoints } from './ask.ts';

/** The unfinished run whose checkpoint this browser stores. */
export interface InterruptedRun {
  /** Looks for it and shows it. */
  readonly look: () => Promise<void>;
  /** Removes its checkpoint. */
  readonly drop: () => Promise<void>;
}

export function createInterruptedRun(store: PageStore, ask: AskForCheckpoints): InterruptedRun {
  const { getState, setState } = store;

  /** Whether a run has finished and is stored, so that it no longer needs a checkpoint. */
  const isFinished = ({ id }: KeptCheckpoint): boolean =>
    id !== undefined &&
    getState().history.some((run) => run.file === undefined && run.id === id && run.status === 'finished');

  const show = async (command: CheckpointsCommand): Promise<void> => {
    let found = await ask(command);
    while (found !== null && isFinished(found)) found = await ask({ type: 'drop', folder: found.folder });
    if (!isActive(getState().run.status)) setState({ interrupted: found });
  };

  return {
    look: () => show({ type: 'find' }),
    drop: async () => {
      const { interrupted } = getState();
      if (interrupted !== null) await show({ type: 'drop', folder: interrupted.folder });
    },
  };
}
