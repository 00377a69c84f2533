import type { DeviceChoice } from '../../base/device-choice.ts';
import { type ErrorReport, reportOf } from '../../base/errors.ts';
import type { GgufDtype, SameAnswers } from '../../gguf/names.ts';
import { modelGone } from '../../run/files/model-line.ts';
import type { ModelAccess } from '../../weights/source.ts';
import {
  archiveName,
  type ExportsCommand,
  type ExportsEvent,
  type LastRound,
  type ModelChoice,
  type ExportChoice,
  type StoredRound,
  type TaughtModel,
  type Written,
} from '../../worker/protocol.ts';
import { filesOfInput } from './dropped-files.ts';
import { openSession, type WorkerSession } from './session.ts';
import type { StoreOf } from './slice.ts';

/** The models that were taught in this browser, and the one that this tab uses. */
interface TaughtState {
  /** The stored rounds in the line of the used model. Null until that has been listed. */
  rounds: readonly StoredRound[] | null;
  /** The key of the used model; null if there is none. */
  used: string | null;
  /** Whether it is that of the run on the page, or chosen, rather than the last one that any tab showed. */
  isAsked: boolean;
  /** How the used model can be used; null if it cannot be opened. */
  last: LastRound | null;
  /** Later models of its run that cannot be used. */
  broken: readonly string[];
  /** All of them, the newest first. */
  models: readonly TaughtModel[];
  /** The file that is being written, and the bytes written so far. */
  writing: { what: ExportChoice['what'] | 'import'; bytes: number } | null;
  /** How many test answers of the used model there are, of all, while they are counted. */
  answering: { done: number; all: number } | null;
  /** How many stay the same with the weights of a GGUF file, by {@link countOf}. */
  same: ReadonlyMap<string, SameAnswers>;
  problem: ErrorReport | null;
}

export interface TaughtSlice {
  readonly taught: TaughtState;
}

export const taughtSlice: TaughtSlice = {
  taught: {
    rounds: null,
    used: null,
    isAsked: true,
    last: null,
    broken: [],
    models: [],
    writing: null,
    answering: null,
    same: new Map(),
    problem: null,
  },
};

/** Opens the worker that writes files. `onEvent` receives its events, and its faults as a `failed` event. */
type OpenExports = (onEvent: (event: ExportsEvent) => void) => WorkerSession<ExportsCommand>;

/** Asks where to write a file; null if the browser only supports downloads. @throws DOMException if cancelled. */
type AskWhere = (name: string) => Promise<FileSystemFileHandle | null>;

/** How the files of models are written, and handed to the browser. */
export interface ExportParts {
  readonly open: OpenExports;
  readonly askWhere: AskWhere;
  /** Downloads a file. */
  readonly deliver: (file: File, name: string) => void;
}

/** The actions on models that were taught. */
export interface TaughtActions {
  /** Lists them for the run on the page, by its id; null if it has none. */
  readonly refresh: (run: string | null) => void;
  /** The model that this tab uses for a run: the one chosen since it is shown, else its own. */
  readonly choiceFor: (run: string | null) => ModelChoice;
  /** Writes the requested files as one zip. */
  readonly save: (as: ExportChoice, access: ModelAccess) => Promise<void>;
  /** Counts the test answers of the used model that stay the same with the weights of a GGUF file. */
  readonly countSame: (dtype: GgufDtype, access: ModelAccess, device: DeviceChoice) => void;
  /** Ends the count. */
  readonly stopCount: () => void;
  /** Uses a model, in Results and Try it. */
  readonly use: (key: string) => void;
  readonly remove: (key: string) => void;
  /** Imports a model's folder from disk, or a file in which somebody shared it, and uses it. */
  readonly take: (files: readonly File[]) => void;
}

/** @param onSaved called when a model has been saved since the page was opened. */
export function createTaughtActions(
  store: StoreOf<TaughtSlice>,
  { open, askWhere, deliver }: ExportParts,
  onSaved: () => void,
): TaughtActions {
  const getState = (): TaughtState => store.getState().taught;
  const setState = (change: Partial<TaughtState>): void =>
    store.setState(({ taught }) => ({ taught: { ...taught, ...change } }));
  /** The run on the page, the model chosen instead of its own, and the one chosen before that. */
  let shown: { run: string | null; chosen: string | null; before?: string | null } = { run: null, chosen: null };
  /** When the newest model was saved; at first, when the page was opened. */
  let newest = Date.now();

  const choiceFor = (run: string | null): ModelChoice => {
    if (run === shown.run && shown.chosen !== null) return { model: shown.chosen };
    return run === null ? null : { run };
  };

  /**
   * Commands that have not ended, in order, and what was shown when they were sent. The worker ends with the last of
   * them, and frees its memory.
   */
  const pending: { command: Unaimed; asked: typeof shown }[] = [];
  const receive = (event: ExportsEvent): void => {
    if (event.type !== 'kept' && event.type !== 'failed') return show(event);
    const ended = pending.shift();
    // A worker that stopped has dropped the others too.
    if (event.type === 'failed' && event.error.code.startsWith('worker/')) pending.length = 0;
    show(event, ended);
    if (pending.length === 0) session.close();
  };
  /** @param ended the command that ends with the event. */
  const show = (event: ExportsEvent, ended?: (typeof pending)[number]): void => {
    switch (event.type) {
      case 'kept': {
        if (event.models.some(({ savedAt }) => savedAt > newest)) {
          newest = Math.max(...event.models.map(({ savedAt }) => savedAt));
          onSaved();
        }
        const isImport = ended?.command.type === 'import';
        if (isImport) {
          shown = { ...shown, chosen: event.used };
          setState({ writing: null });
        } else if (ended && ended.asked !== shown) {
          // Another model has been chosen since: a later answer tells it.
          setState({ models: event.models });
          break;
        }
        if (shown.chosen !== null && !isIn(event, shown.chosen)) {
          setState({ problem: reportOf(modelGone(shown.chosen)) });
          const { run, before = null } = shown;
          shown = { run, chosen: before !== null && isIn(event, before) ? before : null };
          send({ type: 'list' });
        }
        setState({
          rounds: event.rounds,
          used: event.used,
          isAsked: event.isAsked,
          last: event.last,
          broken: event.broken,
          models: event.models,
        });
        break;
      }
      case 'writing': {
        const { writing } = getState();
        setState({ writing: writing && { ...writing, bytes: event.bytes } });
        break;
      }
      case 'written':
        setState({ writing: null });
        if (event.file !== null) deliver(event.file, event.name);
        break;
      case 'answering':
        setState({ answering: { done: event.done, all: event.all } });
        break;
      case 'answered':
        setState({
          answering: null,
          same: new Map(getState().same).set(countOf(event.key, event.dtype), event.same),
        });
        break;
      case 'failed':
        setState({ writing: null, answering: null, problem: event.error });
        break;
    }
  };
  const session = open(receive);
  /** The model that the page shows, for a command that writes it. */
  const key = (): string => getState().used ?? '';
  const send = (command: Unaimed): void => {
    pending.push({ command, asked: shown });
    session.send({ ...command, model: choiceFor(shown.run) });
  };

  return {
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
      send(commandFor(as, { key: key(), name, to }, access));
    },
    countSame: (dtype, access, device) => {
      setState({ answering: { done: 0, all: 0 }, problem: null });
      send({ type: 'same-answers', key: key(), dtype, access, device });
    },
    stopCount: () => {
      session.close();
      setState({ answering: null });
      // The worker has dropped what waited for the count.
      for (const { command } of pending.splice(0)) if (command.type !== 'same-answers') send(command);
      send({ type: 'list' });
    },
    use: (key) => {
      setState({ problem: null });
      shown = { ...shown, chosen: key, before: shown.chosen };
      send({ type: 'use-model' });
    },
    remove: (key) => {
      setState({ problem: null });
      if (shown.chosen === key) shown = { ...shown, chosen: null };
      send({ type: 'remove-model', key });
    },
    take: (files) => {
      setState({ writing: { what: 'import', bytes: 0 }, problem: null });
      send({ type: 'import', files: filesOfInput(files) });
    },
  };
}

const isIn = ({ models }: { models: readonly TaughtModel[] }, key: string): boolean =>
  models.some((one) => one.key === key);

/** The model that this tab uses, if it is that of the run on the page or chosen; else null. */
export const usedModel = ({ models, used, isAsked }: TaughtState): TaughtModel | null =>
  (isAsked && models.find(({ key }) => key === used)) || null;

/** Whether the worker writes, imports or counts, so that what changes models would wait for it. */
export const isAtWork = ({ taught: { writing, answering } }: TaughtSlice): boolean =>
  writing !== null || answering !== null;

/** Names a count of test answers. @param key of the model. */
export const countOf = (key: string | null, dtype: GgufDtype): string => `${key} ${dtype}`;

/** A command that does not yet say on which model. */
type Unaimed = ExportsCommand extends infer One ? (One extends ExportsCommand ? Omit<One, 'model'> : never) : never;

function commandFor(as: ExportChoice, written: Written, access: ModelAccess): Unaimed {
  switch (as.what) {
    case 'zip':
      return { type: 'zip', ...written };
    case 'share':
      return { type: 'share', ...written, withTests: as.withTests };
    case 'merge':
      return { type: 'merge', ...written, access };
    case 'onnx':
      return { type: 'onnx', ...written, access, dtype: as.dtype };
    case 'gguf':
      return { type: 'gguf', ...written, access, dtype: as.dtype };
    case 'gguf-adapter':
      return { type: 'gguf', ...written, access, dtype: null };
  }
}

/** A Web Worker that starts when it is needed, and again after it was closed. */
export const openExportsWorker: OpenExports = (onEvent) =>
  openSession<ExportsCommand, ExportsEvent>(
    () => new Worker(new URL('../../worker/exports.ts', import.meta.url), { type: 'module', name: 'exports' }),
    {
      name: 'The worker that writes files',
      nextStep: 'Reload the page and try again.',
      onEvent,
    },
  );

/** Opens the browser's save dialogue if it has one, so that writing goes straight to disk. */
export const askWhereToSave: AskWhere = (name) =>
  'showSaveFilePicker' in globalThis
    ? showSaveFilePicker({ suggestedName: name, types: [{ accept: { 'application/zip': ['.zip'] } }] })
    : Promise.resolve(null);
