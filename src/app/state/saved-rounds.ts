import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import { createStore, type StoreApi } from 'zustand/vanilla';
import { type ErrorReport, reportOf } from '../../base/errors.ts';
import type { ModelAccess } from '../../weights/source.ts';
import { archiveName, type SavedAs } from '../../worker/archive-name.ts';
import type {
  ExportsCommand,
  ExportsEvent,
  LastRound,
  ModelChoice,
  ModelOfRun,
  StoredFile,
  StoredRound,
} from '../../worker/protocol.ts';
import { openSession, type WorkerSession } from './worker-client.ts';

/** The rounds of the last run that this browser has stored. */
interface StoredState {
  /** Null until they have been listed. */
  rounds: readonly StoredRound[] | null;
  /** Their folder; null if there are none. */
  folder: string | null;
  /** Whether they are those of the run on the page, or chosen, rather than the last ones that any tab showed. */
  isAsked: boolean;
  /** The last round with stored weights. */
  last: LastRound | null;
  /** Rounds after `last` whose files cannot be used. */
  broken: readonly string[];
  /** The models of all runs in this browser, the newest first. */
  models: readonly ModelOfRun[];
  /** What is being written, and the bytes written so far. */
  writing: { what: SavedAs['what'] | 'import'; bytes: number } | null;
  problem: ErrorReport | null;
}

/** Opens the worker that writes files. `onEvent` receives its events, and its faults as a `failed` event. */
type OpenExports = (onEvent: (event: ExportsEvent) => void) => Pick<WorkerSession<ExportsCommand>, 'send'>;

/** Asks where to write a file; null if the browser only supports downloads. @throws DOMException if cancelled. */
type AskWhere = (name: string) => Promise<FileSystemFileHandle | null>;

/** Actions on the stored rounds. */
interface StoredRounds {
  readonly store: StoreApi<StoredState>;
  /** Lists the rounds of the run on the page, by its id; null if it has none. */
  readonly refresh: (run: string | null) => void;
  /** The rounds that this tab uses for a run: those chosen since it is shown, else its own. */
  readonly choiceFor: (run: string | null) => ModelChoice;
  /** Writes the requested files as one zip. */
  readonly save: (as: SavedAs, access: ModelAccess) => Promise<void>;
  /** Uses the model of a run, in Results and Try it. */
  readonly use: (folder: string) => void;
  /** Removes the model of a run. */
  readonly remove: (folder: string) => void;
  /** Imports a round's folder from disk, and uses its model. */
  readonly take: (files: readonly File[]) => void;
}

/** @param handOver downloads a file. */
export function createStoredRounds(
  open: OpenExports,
  askWhere: AskWhere,
  handOver: (file: File, name: string) => void,
): StoredRounds {
  const store = createStore<StoredState>(() => ({
    rounds: null,
    folder: null,
    isAsked: true,
    last: null,
    broken: [],
    models: [],
    writing: null,
    problem: null,
  }));
  const { setState, getState } = store;
  /** The run on the page, and the folder chosen instead of its own. */
  let shown: { run: string | null; chosen: string | null } = { run: null, chosen: null };

  const choiceFor = (run: string | null): ModelChoice => {
    if (run === shown.run && shown.chosen !== null) return { folder: shown.chosen };
    return run === null ? null : { run };
  };

  const receive = (event: ExportsEvent): void => {
    switch (event.type) {
      case 'kept':
        if (getState().writing?.what === 'import') shown = { ...shown, chosen: event.folder };
        setState(({ writing }) => ({
          rounds: event.rounds,
          folder: event.folder,
          isAsked: event.isAsked,
          last: event.last,
          broken: event.broken,
          models: event.models,
          writing: writing?.what === 'import' ? null : writing,
        }));
        break;
      case 'writing':
        setState(({ writing }) => ({ writing: writing && { ...writing, bytes: event.bytes } }));
        break;
      case 'written':
        setState({ writing: null });
        if (event.file !== null) handOver(event.file, event.name);
        break;
      case 'failed':
        setState({ writing: null, problem: event.error });
        break;
    }
  };
  const session = open(receive);
  const send = (command: Unaimed): void => session.send({ ...command, model: choiceFor(shown.run) });

  return {
    store,
    choiceFor,
    refresh: (run) => {
      if (run !== shown.run) shown = { run, chosen: null };
      send({ type: 'list' });
    },
    save: async (as, access) => {
      const { last, writing } = getState();
      if (writing !== null) return;
      const name = archiveName(as, last?.use.learned ?? []);
      let to: FileSystemFileHandle | null;
      try {
        to = await askWhere(name);
      } catch (thrown) {
        // Cancelled in the dialogue: no error.
        if (!(thrown instanceof DOMException && thrown.name === 'AbortError')) setState({ problem: reportOf(thrown) });
        return;
      }
      setState({ writing: { what: as.what, bytes: 0 }, problem: null });
      send(commandFor(as, name, to, access));
    },
    use: (folder) => {
      setState({ problem: null });
      shown = { ...shown, chosen: folder };
      send({ type: 'use-model' });
    },
    remove: (folder) => {
      setState({ problem: null });
      if (shown.chosen === folder) shown = { ...shown, chosen: null };
      send({ type: 'remove-model', folder });
    },
    take: (files) => {
      const named = files.map((file): StoredFile => ({ path: file.webkitRelativePath || file.name, file }));
      setState({ writing: { what: 'import', bytes: 0 }, problem: null });
      send({ type: 'import', files: named });
    },
  };
}

/** A command that does not yet say on which rounds. */
type Unaimed = ExportsCommand extends infer One ? (One extends ExportsCommand ? Omit<One, 'model'> : never) : never;

function commandFor(as: SavedAs, name: string, to: FileSystemFileHandle | null, access: ModelAccess): Unaimed {
  switch (as.what) {
    case 'zip':
      return { type: 'zip', name, to };
    case 'merge':
      return { type: 'merge', name, to, access };
    case 'onnx':
      return { type: 'onnx', name, to, access, dtype: as.dtype };
    case 'gguf':
      return { type: 'gguf', name, to, access, dtype: as.dtype };
    case 'gguf-adapter':
      return { type: 'gguf', name, to, access, dtype: null };
  }
}

/** A Web Worker that starts when first needed and lives as long as the page. */
export const openExportsWorker: OpenExports = (onEvent) =>
  openSession<ExportsCommand, ExportsEvent>(
    () => new Worker(new URL('../../worker/exports.ts', import.meta.url), { type: 'module', name: 'exports' }),
    {
      name: 'The worker that writes files',
      nextStep: 'Reload the page and try again.',
      onEvent,
      onError: (error) => onEvent({ type: 'failed', error }),
    },
  );

/** Opens the browser's save dialogue if it has one, so that writing goes straight to disk. */
export const askWhereToSave: AskWhere = (name) =>
  'showSaveFilePicker' in globalThis
    ? showSaveFilePicker({ suggestedName: name, types: [{ accept: { 'application/zip': ['.zip'] } }] })
    : Promise.resolve(null);

const Context = createContext<StoredRounds | null>(null);

export const StoredRoundsProvider = Context.Provider;

export function useStoredRounds(): StoredRounds {
  const stored = useContext(Context);
  if (stored === null) throw new Error('StoredRoundsProvider is missing.');
  return stored;
}

export const useStoredState = <Part>(select: (state: StoredState) => Part): Part =>
  useStore(useStoredRounds().store, select);
