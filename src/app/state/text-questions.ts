import { type ErrorReport, GorpError, reportOf } from '../../base/errors.ts';
import { awaitsForm, type ModelDefaults, type TextLengths, withTexts } from '../../run/planning/text-lengths.ts';
import type { Reading } from '../../tasks/reading.ts';
import type { AheadFunctions, LengthsAnswer, PreviewAnswer, PreviewCommand } from '../../worker/protocol.ts';
import type { ModelsSlice } from './models.ts';
import { isActive, type RunSlice } from './run-state.ts';
import { callOnce } from './session.ts';
import type { SetUpSlice } from './set-up-form.ts';
import type { StoreOf } from './slice.ts';
import { pageTasksOf, type TasksSlice } from './task-store.ts';
import { draftIssues } from './validate.ts';

/** Milliseconds without a change before a question is asked, so that typing does not ask one per letter. */
export const QUIET_MS = 500;

/** A question about the page's settings that a worker answers; a new one replaces the one before. */
interface Question {
  /** Asks once the settings stop changing, now and after every change. Returns a function that ends this. */
  readonly watch: () => () => void;
  /** Asks at once. @param isRequested whether a person wants it, so that servers may be asked too. */
  readonly now: (isRequested: boolean) => void;
  /** Cancels the question that is asked, or waits to be. */
  readonly cancel: () => void;
}

interface Asking<State> {
  /** The parts of the state that the answer depends on. */
  readonly basisOf: (state: State) => readonly unknown[];
  /** Asks. Returns a function that cancels the question, also after its answer; null if there is nothing to ask. */
  readonly ask: (isRequested: boolean) => (() => void) | null;
  /** Called when the basis has changed, before the question is asked again. */
  readonly onChange?: (state: State) => void;
}

/** Asks when the settings that an answer depends on have been quiet for {@link QUIET_MS}. */
export function createQuestion<State>(
  store: Pick<StoreOf<State>, 'getState' | 'subscribe'>,
  { basisOf, ask, onChange }: Asking<State>,
): Question {
  let giveUp: (() => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const cancel = (): void => {
    clearTimeout(timer);
    giveUp?.();
    giveUp = null;
  };
  const now = (isRequested: boolean): void => {
    cancel();
    giveUp = ask(isRequested);
  };
  const soon = (): void => {
    cancel();
    timer = setTimeout(() => now(false), QUIET_MS);
  };

  return {
    now,
    cancel,
    watch: () => {
      let basis = basisOf(store.getState());
      soon();
      return store.subscribe((state) => {
        const next = basisOf(state);
        if (isAlike(next, basis)) return;
        basis = next;
        soon();
        onChange?.(state);
      });
    },
  };
}

/** Whether two lists of the same length have the same parts. */
export const isAlike = (a: readonly unknown[], b: readonly unknown[]): boolean => a.every((part, i) => part === b[i]);

/** The lengths of the texts that a run with the current settings would read. */
type LengthsState =
  /** The settings are not complete, or a run is on. */
  | { status: 'none' }
  /** `last` is the count for the previous settings. */
  | { status: 'counting'; last: TextLengths | null }
  | { status: 'counted'; lengths: TextLengths }
  /** Model or tasks are on another server, which is asked only when the person requests it. */
  | { status: 'elsewhere' }
  | { status: 'failed'; error: ErrorReport };

/** The last count of the same texts, perhaps with other settings; null if there is none. */
export const lastCount = (state: LengthsState): TextLengths | null =>
  state.status === 'counted' ? state.lengths : state.status === 'counting' ? state.last : null;

/** The state of the first example's preview. */
type PreviewState =
  /** The preview is folded. */
  | { status: 'closed' }
  /** The settings are not complete. */
  | { status: 'none' }
  /** `last` is the preview for the previous settings. */
  | { status: 'reading'; last: Reading | null }
  /** Null if the first task has no examples. */
  | { status: 'read'; preview: Reading | null }
  /** Model or tasks are on another server, which is asked only when the person requests it. */
  | { status: 'elsewhere' }
  | { status: 'failed'; error: ErrorReport };

const NOT_COUNTED: LengthsState = { status: 'none' };
const CLOSED: PreviewState = { status: 'closed' };

/** The texts as the model would read them with the form's settings. */
export interface TextsSlice {
  /** How many tokens the texts take. */
  readonly lengths: LengthsState;
  /** Whether a run waits until the texts have been read, which decides the form of its prompts. */
  readonly isSettling: boolean;
  /** The first example. */
  readonly preview: PreviewState;
}

export const textsSlice: TextsSlice = { lengths: NOT_COUNTED, isSettling: false, preview: CLOSED };

/** Time limit for reading: a tokenizer from an untrusted file may never finish. */
const SECONDS = 30;

/** Requests the lengths of the texts, answered once. Returns a function that cancels the request. */
export type AskForLengths = (command: PreviewCommand, onAnswer: (answer: LengthsAnswer) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askLengthsWorker: AskForLengths = (command, onAnswer) =>
  askReader('lengths', command, onAnswer, (error) => onAnswer({ type: 'not-counted', error }), {
    name: 'The worker that counts the texts’ tokens',
    nextStep: 'Reload the page, or start a run, which also says how many texts are cut.',
  });

/** Requests the first example, answered once. Returns a function that cancels the request. */
export type AskForPreview = (command: PreviewCommand, onAnswer: (answer: PreviewAnswer) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askPreviewWorker: AskForPreview = (command, onAnswer) =>
  askReader('preview', command, onAnswer, (error) => onAnswer({ type: 'no-preview', error }), {
    name: 'The worker that reads an example',
    nextStep: 'Reload the page, or start a run, which also shows what the model reads.',
  });

/** Calls a function that uses the model's tokenizer, in a worker of its own. */
function askReader<Name extends 'preview' | 'lengths'>(
  name: Name,
  command: PreviewCommand,
  onAnswer: (answer: Awaited<ReturnType<AheadFunctions[Name]>>) => void,
  onError: (error: ErrorReport) => void,
  words: { name: string; nextStep: string },
): () => void {
  const end = callOnce<AheadFunctions, Name>(
    () => new Worker(new URL('../../worker/ahead.ts', import.meta.url), { type: 'module', name }),
    words,
    name,
    command,
    (answer) => {
      clearTimeout(timer);
      onAnswer(answer);
    },
    (error) => {
      clearTimeout(timer);
      onError(error);
    },
  );
  const cancel = (): void => {
    clearTimeout(timer);
    end();
  };
  const timer = setTimeout(() => {
    cancel();
    onError(reportOf(tooSlow(command.settings.model)));
  }, 1000 * SECONDS);
  return cancel;
}

const tooSlow = (model: string): GorpError =>
  new GorpError(
    'worker/too-slow',
    `Reading the texts took over ${SECONDS} seconds: a server did not answer, or the tokenizer of ${model} is too slow.`,
    "Try again, or use the tokenizer.json published with the model's weights.",
  );

/** The store as these questions see it: a count may change the form. */
type Store = StoreOf<TextsSlice & SetUpSlice, TasksSlice & RunSlice & ModelsSlice>;

/** Names the servers that a permission to ask holds for; a removal of a model ends it, too. */
const serversOf = ({ draft, access, models }: SetUpSlice & ModelsSlice): string =>
  JSON.stringify([draft.model, draft.tasks, access.hub.endpoint, models.removals]);

/**
 * Commands for a worker that reads the texts. It may ask the servers of model and tasks, and gets the hub's token, once
 * a person has requested that, until the settings name other servers or a model is removed.
 */
function readingCommands(): (state: SetUpSlice & TasksSlice & ModelsSlice, isRequested: boolean) => PreviewCommand {
  let allowed: string | null = null;
  return (state, isRequested) => {
    const { draft, access, userTasks } = state;
    const servers = serversOf(state);
    if (isRequested) allowed = servers;
    const mayAsk = allowed === servers;
    const hub = mayAsk ? access.hub : { ...access.hub, token: null };
    return { settings: draft, access: { ...access, hub }, tasks: pageTasksOf(draft, userTasks), mayAsk };
  };
}

/** The first example as the model would read it with the page's settings. */
export interface Previewer {
  /** Updates the store's `preview` whenever the settings change, until closed. Asks no other server. */
  readonly open: () => void;
  readonly close: () => void;
  /** Reads it at once, and lets the worker ask the servers of model and tasks until the settings name others. */
  readonly lookUp: () => void;
}

export function createPreviewer(store: Store, ask: AskForPreview): Previewer {
  const { getState, setState } = store;
  const commandFor = readingCommands();
  const show = (preview: PreviewState): void => setState({ preview });
  let unwatch: (() => void) | null = null;

  const question = createQuestion(store, {
    basisOf: ({ draft, access, userTasks, models }) => [draft, access, userTasks, models.removals],
    ask: (isRequested) => {
      const { draft, userTasks, preview } = getState();
      if (draftIssues(draft, userTasks).size > 0) {
        show({ status: 'none' });
        return null;
      }
      show({ status: 'reading', last: preview.status === 'read' ? preview.preview : null });
      return ask(commandFor(getState(), isRequested), (answer) => {
        switch (answer.type) {
          case 'preview':
            show({ status: 'read', preview: answer.preview });
            break;
          case 'elsewhere':
            show({ status: 'elsewhere' });
            break;
          case 'no-preview':
            show({ status: 'failed', error: answer.error });
        }
      });
    },
  });

  return {
    open: () => {
      if (unwatch !== null) return;
      unwatch = question.watch();
      question.now(false);
    },
    close: () => {
      unwatch?.();
      unwatch = null;
      question.cancel();
      show(CLOSED);
    },
    lookUp: () => question.now(true),
  };
}

/** Counts the tokens of the texts for the page's settings, and lets the chosen model set what follows from them. */
interface LengthCounter {
  /** Updates the store's `lengths` whenever the settings change. Asks no other server. */
  readonly watch: () => void;
  /** Counts at once, and lets the worker ask the servers of model and tasks until the settings name others. */
  readonly lookUp: () => void;
  /**
   * Uses the settings, first counting if that will set the form of prompts: else it would depend on how soon they are used.
   * Does nothing if another model is chosen meanwhile.
   */
  readonly afterReading: (act: () => void) => void;
}

/** Which texts are counted, and by which tokenizer: a count of others says nothing about them. */
const textsOf = ({ draft, userTasks }: SetUpSlice & TasksSlice): readonly unknown[] => {
  const { trainExamples, testExamples, testSet, seed } = draft.training;
  const { model, tasks, order, watch } = draft;
  return [JSON.stringify([model, tasks, order, watch, trainExamples, testExamples, testSet, seed]), userTasks];
};

/** The parts of the state that the lengths depend on. */
const basisOf = (state: SetUpSlice & TasksSlice & ModelsSlice): readonly unknown[] => {
  const { sourceLength, targetLength, promptForm } = state.draft.training;
  const lengths = JSON.stringify([sourceLength, targetLength, promptForm]); // an empty number is NaN, which equals none
  return [...textsOf(state), lengths, state.access, state.models.removals];
};

export function createLengthCounter(store: Store, ask: AskForLengths): LengthCounter {
  const { getState, setState } = store;
  const commandFor = readingCommands();
  /** The texts whose lengths the store holds. */
  let texts = textsOf(getState());
  /** The last count, which is that of a run with the same settings too. */
  let known: { readonly basis: readonly unknown[]; readonly lengths: TextLengths } | null = null;

  const applyLengths = (lengths: TextLengths): void => {
    const { draft, modelDefaults } = getState();
    if (modelDefaults === null) return;
    const next = withTexts(draft, modelDefaults, lengths);
    if (next.settings !== draft) setState({ draft: next.settings });
    if (!isSame(next.modelDefaults, modelDefaults)) setState({ modelDefaults: next.modelDefaults });
  };

  const show = (lengths: TextLengths): void => {
    setState({ lengths: { status: 'counted', lengths } });
    applyLengths(lengths);
  };

  const question = createQuestion(store, {
    basisOf: (state) => [...basisOf(state), isActive(state.run.status)], // during a run nothing is counted
    ask: (isRequested) => {
      const { draft, userTasks, lengths, run, modelModules } = getState();
      const isComplete = draftIssues(draft, userTasks, modelModules).size === 0;
      const basis = basisOf(getState());
      if (isComplete && !isRequested && known !== null && isAlike(known.basis, basis)) {
        show(known.lengths);
        return null;
      }
      if (!isComplete || isActive(run.status)) {
        setState({ lengths: NOT_COUNTED });
        return null;
      }
      setState({ lengths: { status: 'counting', last: lengths.status === 'counted' ? lengths.lengths : null } });
      return ask(commandFor(getState(), isRequested), (answer) => {
        switch (answer.type) {
          case 'counted':
            known = { basis, lengths: answer.lengths };
            show(answer.lengths);
            break;
          case 'elsewhere':
            setState({ lengths: { status: 'elsewhere' } });
            break;
          case 'not-counted':
            setState({ lengths: { status: 'failed', error: answer.error } });
        }
      });
    },
    onChange: (state) => {
      const next = textsOf(state);
      if (!isAlike(next, texts) && state.lengths.status === 'counted')
        setState({ lengths: { status: 'counting', last: null } });
      texts = next;
    },
  });
  const isCounting = (): boolean => getState().lengths.status === 'counting';

  return {
    watch: () => void question.watch(),
    lookUp: () => question.now(true),
    afterReading: (act) => {
      const { draft, modelDefaults, isSettling, run } = getState();
      if (isSettling) return;
      if (modelDefaults === null || isActive(run.status) || !awaitsForm(draft, modelDefaults)) return act();
      setState({ isSettling: true });
      question.now(true);
      const end = (): void => {
        setState({ isSettling: false });
        if (getState().draft.model === draft.model) act();
      };
      if (!isCounting()) return end();
      const unsubscribe = store.subscribe(() => {
        if (isCounting()) return;
        unsubscribe();
        queueMicrotask(end); // the form is set just after the count is shown
      });
    },
  };
}

const isSame = (a: ModelDefaults, b: ModelDefaults): boolean =>
  a.model === b.model && a.sourceLength === b.sourceLength && a.form === b.form;
