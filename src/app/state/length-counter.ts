import { type Brought, withTexts } from '../../run/planning/brought-values.ts';
import type { TextLengths } from '../../run/planning/text-lengths.ts';
import type { LengthsAnswer, PreviewCommand } from '../../worker/protocol.ts';
import { NOT_COUNTED } from './lengths-state.ts';
import { isActive } from './run-state.ts';
import type { PageState, PageStore } from './store.ts';
import { pageTasksOf } from './task-store.ts';
import { askReader } from './text-reader.ts';
import { draftIssues } from './validate.ts';

/** Requests the lengths of the texts, answered once. Returns a function that cancels the request. */
export type AskForLengths = (command: PreviewCommand, onAnswer: (answer: LengthsAnswer) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askLengthsWorker: AskForLengths = (command, onAnswer) =>
  askReader('lengths', command, onAnswer, (error) => onAnswer({ type: 'not-counted', error }), {
    name: 'The worker that counts the texts’ tokens',
    nextStep: 'Reload the page, or start a run, which also says how many texts are cut.',
  });

/** Milliseconds without a change before the texts are counted, so that typing does not start a count per letter. */
export const QUIET_MS = 500;

/** Counts the tokens of the texts for the page's settings, and lets the chosen model set what follows from them. */
interface LengthCounter {
  /** Updates the store's `lengths` whenever the settings change. Asks no other server. */
  readonly watch: () => void;
  /** Counts at once, and lets the worker ask the servers of model and tasks until the settings name others. */
  readonly lookUp: () => void;
}

/** The settings that decide which servers are asked. */
const serversOf = ({ draft, access }: PageState): string =>
  JSON.stringify([draft.model, draft.tasks, access.hub.endpoint]);

/** Which texts are counted, and by which tokenizer: a count of others says nothing about them. */
const textsOf = ({ draft, taskData }: PageState): readonly unknown[] => {
  const { trainExamples, testExamples, testSet, seed } = draft.training;
  const { model, tasks, order, watch } = draft;
  return [JSON.stringify([model, tasks, order, watch, trainExamples, testExamples, testSet, seed]), taskData];
};

/** What the lengths depend on. During a run nothing is counted. */
const basisOf = (state: PageState): readonly unknown[] => {
  const { draft, access, taskData, run } = state;
  const { sourceLength, targetLength, promptForm, trainExamples, testExamples, testSet, seed } = draft.training;
  const training = [sourceLength, targetLength, promptForm, trainExamples, testExamples, testSet, seed];
  const settings = JSON.stringify([draft.model, draft.tasks, draft.order, draft.watch, training]);
  return [settings, access, taskData, isActive(run.status)];
};

export function createLengthCounter(store: PageStore, ask: AskForLengths): LengthCounter {
  const { getState, setState } = store;
  let allowed: string | null = null;
  let giveUp: (() => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const drop = (): void => {
    clearTimeout(timer);
    giveUp?.();
    giveUp = null;
  };

  const bring = (lengths: TextLengths): void => {
    const { draft, brought } = getState();
    if (brought === null) return;
    const next = withTexts(draft, brought, lengths);
    if (next.settings !== draft) setState({ draft: next.settings });
    if (!isSame(next.brought, brought)) setState({ brought: next.brought });
  };

  const count = (): void => {
    drop();
    const { draft, access, taskData, lengths, run, modelModules } = getState();
    if (isActive(run.status) || draftIssues(draft, taskData, modelModules).size > 0) {
      setState({ lengths: NOT_COUNTED });
      return;
    }
    const mayAsk = allowed === serversOf(getState());
    const hub = mayAsk ? access.hub : { ...access.hub, token: null };
    setState({ lengths: { status: 'counting', last: lengths.status === 'counted' ? lengths.lengths : null } });
    const command = { settings: draft, access: { ...access, hub }, tasks: pageTasksOf(draft, taskData), mayAsk };
    giveUp = ask(command, (answer) => {
      giveUp = null;
      switch (answer.type) {
        case 'counted':
          setState({ lengths: { status: 'counted', lengths: answer.lengths } });
          bring(answer.lengths);
          break;
        case 'elsewhere':
          setState({ lengths: { status: 'elsewhere' } });
          break;
        case 'not-counted':
          setState({ lengths: { status: 'failed', error: answer.error } });
      }
    });
  };

  return {
    watch: () => {
      let [basis, texts] = [basisOf(getState()), textsOf(getState())];
      timer = setTimeout(count, QUIET_MS);
      store.subscribe((state) => {
        const next = basisOf(state);
        if (isAlike(next, basis)) return;
        basis = next;
        drop();
        timer = setTimeout(count, QUIET_MS);
        const nextTexts = textsOf(state);
        if (!isAlike(nextTexts, texts) && state.lengths.status === 'counted')
          setState({ lengths: { status: 'counting', last: null } });
        texts = nextTexts;
      });
    },
    lookUp: () => {
      allowed = serversOf(getState());
      count();
    },
  };
}

const isAlike = (a: readonly unknown[], b: readonly unknown[]): boolean => a.every((part, i) => part === b[i]);

const isSame = (a: Brought, b: Brought): boolean =>
  a.model === b.model && a.sourceLength === b.sourceLength && a.form === b.form;
