import type { ErrorReport } from '../../base/errors.ts';
import { isGgufName } from '../../weights/gguf/splits.ts';
import type { GgufFile, ModelProgress, StoredModel, Verdict, VerifyProgress } from '../../weights/model-messages.ts';
import type { PickedFile } from '../../weights/picked-folder.ts';
import type { ModelsEvent } from '../../worker/protocol.ts';

/** The current work of the models worker. */
type ModelsWork =
  | { kind: 'fetch'; model: string; progress: ModelProgress | null; isPausing: boolean }
  | { kind: 'verify'; folder: string; progress: VerifyProgress | null }
  | { kind: 'list-ggufs'; model: string }
  | { kind: 'remove'; folder: string };

/** What the page knows of the models in this browser. Plain data. */
export interface ModelsState {
  /** Null until the worker has answered. */
  stored: readonly StoredModel[] | null;
  usageBytes: number | null;
  quotaBytes: number | null;
  work: ModelsWork | null;
  /** A paused or interrupted download, and how far it got. */
  paused: { model: string; progress: ModelProgress | null } | null;
  /** The GGUF files of the repository that was last asked for them. */
  ggufs: { model: string; files: readonly GgufFile[] } | null;
  /** How the last work ended, in words. */
  outcome: string | null;
  error: ErrorReport | null;
  /** Whether the browser has promised to keep what is stored; null until asked. */
  isPersistent: boolean | null;
}

export const NO_MODELS: ModelsState = {
  stored: null,
  usageBytes: null,
  quotaBytes: null,
  work: null,
  paused: null,
  ggufs: null,
  outcome: null,
  error: null,
  isPersistent: null,
};

/** The state after work was requested. */
export const startingWork = (state: ModelsState, work: ModelsWork): ModelsState => ({
  ...state,
  work,
  paused: null,
  outcome: null,
  error: null,
});

/** The state after an event. Pure. */
export function applyModelsEvent(state: ModelsState, event: ModelsEvent): ModelsState {
  const { work } = state;
  switch (event.type) {
    case 'stored': {
      const { models, usageBytes, quotaBytes } = event;
      // This event ends a removal. Other work has its own final events.
      return { ...state, stored: models, usageBytes, quotaBytes, work: work?.kind === 'remove' ? null : work };
    }
    case 'fetching':
      return work?.kind === 'fetch' ? { ...state, work: { ...work, progress: event.progress } } : state;
    case 'fetched':
      return { ...state, work: null, outcome: `${event.model} is stored in this browser.` };
    case 'broken-off':
      return { ...state, work: null, paused: pausedOf(work) };
    case 'verifying':
      return work?.kind === 'verify' ? { ...state, work: { ...work, progress: event.progress } } : state;
    case 'verified':
      return { ...state, work: null, outcome: inWords(event.verdict) };
    case 'ggufs':
      return { ...state, work: null, ggufs: { model: event.model, files: event.files } };
    case 'failed':
      return { ...state, work: null, paused: pausedOf(work), error: event.error };
  }
}

const pausedOf = (work: ModelsWork | null): ModelsState['paused'] =>
  work?.kind === 'fetch' ? { model: work.model, progress: work.progress } : null;

function inWords({ mended, removed }: Verdict): string {
  const found = [
    ...(mended.length === 0 ? [] : [`Damaged parts were downloaded again: ${mended.join(', ')}.`]),
    ...(removed.length === 0
      ? []
      : [
          `Damaged and removed: ${removed.join(', ')}. The next run downloads ${removed.length === 1 ? 'it' : 'them'} again.`,
        ]),
  ];
  return found.length === 0 ? 'Every part matches what was downloaded.' : found.join(' ');
}

/** Bytes that can still be stored; null if the browser does not report them. */
export const roomLeft = ({ usageBytes, quotaBytes }: ModelsState): number | null =>
  usageBytes === null || quotaBytes === null ? null : Math.max(0, quotaBytes - usageBytes);

/** Files that a person picked or dropped, and a name for all of them. */
export interface Picked {
  name: string;
  files: PickedFile[];
}

/** The files of a file input; files of a folder carry their path in it. */
export function pickedFrom(list: Iterable<File>): Picked | null {
  const files = [...list].map((file) => ({ path: file.webkitRelativePath || file.name, blob: file }));
  return files.length === 0 ? null : { name: nameOfFiles(files), files };
}

/** A name for the files of a model: their folder's, without one that of the GGUF file, else `files`. */
export function nameOfFiles(files: readonly { readonly path: string }[]): string {
  const [folder, ...rest] = files[0].path.split('/');
  if (rest.length > 0) return folder;
  return files.find(({ path }) => isGgufName(path))?.path ?? 'files';
}
