import type {
  CheckpointsCommand,
  CheckpointsFunctions,
  FoundCheckpoints,
  StoredCheckpoint,
} from '../../worker/protocol.ts';
import type { HistorySlice } from './history.ts';
import { isActive, type RunSlice, type PageRun } from './run-state.ts';
import type { StoreOf } from './slice.ts';
import { callOnce } from './session.ts';

/** Requests the checkpoints of unfinished runs; none if storage is blocked. Never fails. */
export type AskForCheckpoints = (command: CheckpointsCommand) => Promise<FoundCheckpoints>;

/** Asks a worker that lives for this one request. */
export const askCheckpointsWorker: AskForCheckpoints = (command) =>
  new Promise((resolve) => {
    callOnce<CheckpointsFunctions, CheckpointsCommand['type']>(
      () =>
        new Worker(new URL('../../worker/checkpoints.ts', import.meta.url), { type: 'module', name: 'checkpoints' }),
      { name: 'The checkpoint worker', nextStep: 'Reload the page, or start a run anyway.' },
      command.type,
      command,
      resolve,
      // Without storage there is nothing to resume, and the page works without it.
      () => resolve({ unfinished: [], unread: [] }),
    );
  });

/** The last checkpoint of every unfinished run, to resume from. */
export interface UnfinishedSlice {
  /** The newest first. */
  readonly unfinished: readonly StoredCheckpoint[];
  /** Folders of checkpoints that this version of the page cannot read. */
  readonly unreadCheckpoints: readonly string[];
}

export const unfinishedSlice: UnfinishedSlice = { unfinished: [], unreadCheckpoints: [] };

/** The unfinished runs whose checkpoints this browser stores. */
interface UnfinishedRuns {
  /** Looks for them. */
  readonly refresh: () => Promise<void>;
  /** Removes the checkpoint in a folder. */
  readonly drop: (folder: string) => Promise<void>;
}

/** The checkpoint to offer first: that of the run on the page, else the newest; null if there is none. */
export const offered = (unfinished: readonly StoredCheckpoint[], { results }: PageRun): StoredCheckpoint | null =>
  unfinished.find(({ id }) => id !== undefined && id === results?.id) ?? unfinished.at(0) ?? null;

export function createUnfinishedRuns(
  store: StoreOf<UnfinishedSlice, RunSlice & HistorySlice>,
  ask: AskForCheckpoints,
): UnfinishedRuns {
  const { getState, setState } = store;

  /** Whether a run has finished and all its results are stored, so that it no longer needs a checkpoint. */
  const isFinished = ({ id }: StoredCheckpoint): boolean =>
    id !== undefined &&
    getState().history.some(
      (run) => run.file === undefined && run.id === id && run.status === 'finished' && run.resultsBytes !== null,
    );

  const show = async (command: CheckpointsCommand): Promise<void> => {
    let found = await ask(command);
    for (let done = found.unfinished.find(isFinished); done !== undefined; done = found.unfinished.find(isFinished))
      found = await ask({ type: 'drop', folder: done.folder });
    const { unfinished, unread } = found;
    setState({ unreadCheckpoints: unread, ...(!isActive(getState().run.status) && { unfinished }) });
  };

  return { refresh: () => show({ type: 'find' }), drop: (folder) => show({ type: 'drop', folder }) };
}
