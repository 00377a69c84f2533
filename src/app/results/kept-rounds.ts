import { createStore, type StoreApi } from 'zustand/vanilla';
import { type ErrorReport, reportOf } from '../../base/errors.ts';
import type { ModelAccess } from '../../weights/source.ts';
import {
  type ExportsCommand,
  type ExportsEvent,
  ExportsEventSchema,
  type KeptFile,
  type KeptRound,
  type LastRound,
} from '../../worker/protocol.ts';
import { connectWorker, type WorkerClient } from '../worker-client.ts';
import { archiveName, type SavedAs } from './archive-name.ts';

/** What this browser keeps of the last run's rounds. */
export interface KeptState {
  rounds: readonly KeptRound[];
  /** The last round whose weights are there. */
  last: LastRound | null;
  /** Rounds behind the last whose files cannot be used. */
  broken: readonly string[];
  /** What is being written, and how much of it has been. */
  writing: { what: SavedAs['what'] | 'import'; bytes: number } | null;
  problem: ErrorReport | null;
}

/** Opens the worker that writes files; its events go to `onEvent`, its own faults as a `failed` event. */
export type OpenExports = (onEvent: (event: ExportsEvent) => void) => Pick<WorkerClient<ExportsCommand>, 'send'>;

/** Asks where a file is to be written; null where the browser only knows downloads. @throws DOMException when given up. */
export type AskWhere = (name: string) => Promise<FileSystemFileHandle | null>;

/** What a person can do with the kept rounds. */
export interface KeptRounds {
  readonly store: StoreApi<KeptState>;
  readonly refresh: () => void;
  /** Writes what the person asks for, as one zip. */
  readonly save: (as: SavedAs, access: ModelAccess) => Promise<void>;
  /** Takes a round's folder from disk in place of what is kept. */
  readonly take: (files: readonly File[]) => void;
}

/** @param handOver gives a file to the browser's downloads. */
export function createKeptRounds(
  open: OpenExports,
  askWhere: AskWhere,
  handOver: (file: File, name: string) => void,
): KeptRounds {
  const store = createStore<KeptState>(() => ({ rounds: [], last: null, broken: [], writing: null, problem: null }));
  const { setState, getState } = store;

  const receive = (event: ExportsEvent): void => {
    switch (event.type) {
      case 'kept':
        setState(({ writing }) => ({
          rounds: event.rounds,
          last: event.last,
          broken: event.broken,
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
  const { send } = open(receive);

  return {
    store,
    refresh: () => send({ type: 'list' }),
    save: async (as, access) => {
      const { last, writing } = getState();
      if (writing !== null) return;
      const name = archiveName(as, last?.settings.method.name ?? '');
      let to: FileSystemFileHandle | null;
      try {
        to = await askWhere(name);
      } catch (thrown) {
        // Given up in the dialogue.
        if (!(thrown instanceof DOMException && thrown.name === 'AbortError')) setState({ problem: reportOf(thrown) });
        return;
      }
      setState({ writing: { what: as.what, bytes: 0 }, problem: null });
      send(commandFor(as, name, to, access));
    },
    take: (files) => {
      const named = files.map((file): KeptFile => ({ path: file.webkitRelativePath || file.name, file }));
      setState({ writing: { what: 'import', bytes: 0 }, problem: null });
      send({ type: 'import', files: named });
    },
  };
}

function commandFor(as: SavedAs, name: string, to: FileSystemFileHandle | null, access: ModelAccess): ExportsCommand {
  switch (as.what) {
    case 'zip':
      return { type: 'zip', name, to };
    case 'merge':
      return { type: 'merge', name, to, access };
    case 'onnx':
      return { type: 'onnx', name, to, access, dtype: as.dtype };
  }
}

/** A Web Worker that is started when it is first needed, and serves as long as the page is there. */
export const openExportsWorker: OpenExports = (onEvent) =>
  connectWorker(
    () => new Worker(new URL('../../worker/exports.ts', import.meta.url), { type: 'module', name: 'exports' }),
    ExportsEventSchema,
    {
      name: 'The worker that writes files',
      nextStep: 'Reload the page and try again.',
      onMessage: onEvent,
      onFault: (error) => onEvent({ type: 'failed', error }),
    },
  );

/** The browser's own dialogue where it has one: what is written goes straight to disk then. */
export const askWhereToSave: AskWhere = (name) =>
  'showSaveFilePicker' in globalThis
    ? showSaveFilePicker({ suggestedName: name, types: [{ accept: { 'application/zip': ['.zip'] } }] })
    : Promise.resolve(null);
