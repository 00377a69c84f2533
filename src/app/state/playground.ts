import { createStore, type StoreApi } from 'zustand/vanilla';
import type { DeviceChoice } from '../../base/device-choice.ts';
import { type ErrorReport, reportOf } from '../../base/errors.ts';
import { tokenizerTooSlow } from '../../base/tokenizer-config.ts';
import { RUNTIME_BYTES } from '../../onnx/dtypes.ts';
import type { ModelAccess } from '../../weights/source.ts';
import type { ModelChoice } from '../../worker/protocol.ts';
import type { Answering, GivenRun, TryCommand, TryEvent, TryMessage } from '../../worker/try/messages.ts';
import { isMeasuring } from './device.ts';
import { usePage } from './page-context.tsx';
import { budgetBytes } from './preferences.ts';
import { openSession, TOKENIZER_SECONDS, type WorkerSession } from './session.ts';
import { EMPTY_FORM, formFor, questionOf, type TryForm, withTask } from './try-form.ts';
import {
  applyTryEvent,
  asking,
  chosenRounds,
  CLOSED,
  ended,
  exchanges,
  roundsOfTalk,
  type TryState,
  untrainedKey,
} from './try-state.ts';

/** Receives every message of the worker that tries models. */
export interface TokenizerWatch {
  readonly hear: (message: TryMessage) => void;
  /** To be called once the worker has ended. */
  readonly rest: () => void;
}

/**
 * Ends the worker that tries models if its tokenizer takes too long on a text. Meanwhile the worker receives no messages,
 * so it cannot stop by itself.
 *
 * @param tell receives the worker's other messages, and its end.
 * @param end ends the worker.
 */
export function watchTokenizer(tell: (event: TryEvent) => void, end: () => void): TokenizerWatch {
  let timer: ReturnType<typeof setInterval> | undefined;
  const rest = (): void => clearInterval(timer);
  const hear = (message: TryMessage): void => {
    rest();
    if (message.type === 'tokenized') return;
    if (message.type !== 'tokenizing') {
      tell(message);
      return;
    }
    // Counts seconds one by one: a machine that slept has missed the others.
    let seconds = 0;
    timer = setInterval(() => {
      if (++seconds < TOKENIZER_SECONDS) return;
      rest();
      end();
      tell({ type: 'ended', error: reportOf(tokenizerTooSlow(message.model, TOKENIZER_SECONDS)) });
    }, 1000);
  };
  return { hear, rest };
}

/** The page's view of the worker that tries models. */
export type TrySession = WorkerSession<TryCommand>;

/** Opens a session whose events go to `onEvent`. Faults of the worker itself arrive as an `ended` event. */
export type OpenTrySession = (onEvent: (event: TryEvent) => void) => TrySession;

/** A session in a Web Worker that lives as long as the tab is open and its tokenizer returns in time. */
export const openTryWorker: OpenTrySession = (onEvent) => {
  const watch = watchTokenizer(onEvent, () => session.close());
  const session = openSession<TryCommand, TryMessage>(
    () => new Worker(new URL('../../worker/try.ts', import.meta.url), { type: 'module', name: 'try' }),
    {
      name: 'The worker that tries models',
      nextStep: 'Leave this tab and open it again.',
      onEvent: watch.hear,
      onFault: (error) => {
        watch.rest();
        onEvent({ type: 'ended', error });
      },
    },
  );
  return {
    send: session.send,
    close: () => {
      watch.rest();
      session.close();
    },
  };
};

/** The parts of the page's state that a question depends on. */
export interface TryContext {
  access: ModelAccess;
  device: DeviceChoice;
  /** Bytes that the person lets models use; null for no limit. */
  budget: number | null;
  /** Whether the device is being measured, which an answer would spoil. */
  isMeasured: boolean;
}

/** Everything a person can do in the tab. */
export interface Playground {
  readonly store: StoreApi<TryState & { form: TryForm }>;
  /** Opens the rounds stored in this browser, or those in files, starting a new worker if the last one has ended. */
  readonly open: (access: ModelAccess, model: ModelChoice, given?: GivenRun | null) => void;
  readonly edit: (change: Partial<TryForm>) => void;
  readonly chooseTask: (name: string) => void;
  /** Asks the form's question. */
  readonly ask: (context: TryContext) => void;
  /** Asks the model before training the task's test examples that it has not answered yet. */
  readonly askExamples: (context: TryContext) => void;
  /** Forgets the conversation. */
  readonly newTalk: () => void;
  readonly stop: () => void;
  /** Ends the worker and frees its memory. Questions and answers stay. */
  readonly close: () => void;
}

/** Bytes that weights may use in the runtime: the smaller of its capacity and the person's budget. */
export const limitOf = (budget: number | null): number => Math.min(RUNTIME_BYTES, budget ?? Infinity);

const answering = ({ dtype }: TryForm, { access, device, budget }: TryContext): Answering => {
  return { dtype, device, access, limit: limitOf(budget) };
};

const MEASURED: ErrorReport = {
  code: 'run/device-measured',
  message: 'The device is being measured, and answers beside it would spoil the numbers.',
  nextStep: 'Stop the measurement on the Device tab or wait for its end, within a minute; then ask again.',
};

export function createPlayground(openSession: OpenTrySession): Playground {
  const store = createStore<TryState & { form: TryForm }>(() => ({ ...CLOSED, form: EMPTY_FORM }));
  const { getState, setState } = store;

  const session = openSession((event) => {
    setState((state) => applyTryEvent(state, event));
    if (event.type !== 'opened') return;
    const { run } = event;
    if (getState().talk.some((turn) => turn.run.id !== run?.id)) setState({ talk: [] }); // no other run can continue it
    if (run === null) return;
    setState(({ form }) => ({ form: formFor(form, run) }));
    showTask(getState().form.task);
  });

  const showTask = (task: string): void => {
    if (task !== '') session.send({ type: 'examples', task });
  };

  /** Whether nothing can be asked now; says why. */
  const isRefused = ({ isMeasured }: TryContext): boolean => {
    if (isMeasured) setState({ problem: MEASURED });
    return isMeasured;
  };

  return {
    store,
    open: (access, model, given = null) => {
      setState({ status: 'opening' });
      session.send({ type: 'open', given, model, access });
    },
    edit: (change) => setState(({ form }) => ({ form: { ...form, ...change } })),
    chooseTask: (name) => {
      setState(({ form, run }) => ({ form: withTask(form, run?.tasks ?? [], name) }));
      showTask(name);
    },
    ask: (context) => {
      const { run, form, status, talk } = getState();
      const question = questionOf(form, exchanges(talk));
      if (run === null || question === null || status !== 'open') return;
      const rounds = question.kind === 'chat' ? roundsOfTalk(run, form, talk) : chosenRounds(run, form);
      if (rounds.length === 0) return;
      if (isRefused(context)) return;
      const { id, settings } = run;
      setState((state) =>
        asking(state, {
          run: { id, method: settings.method.name },
          question,
          dtype: form.dtype,
          answers: rounds.map(({ round, name }) => ({ round, name, state: { status: 'waiting' } })),
        }),
      );
      if (question.kind === 'chat') setState({ form: { ...form, turn: '' } });
      const asked = rounds.map(({ round }) => round);
      const { writing } = form;
      session.send({ type: 'ask', asking: { question, rounds: asked, writing, ...answering(form, context) } });
    },
    askExamples: (context) => {
      const { form, status, untrained } = getState();
      if (status !== 'open') return;
      if (isRefused(context)) return;
      const { task, dtype } = form;
      const from = untrained[untrainedKey(task, dtype)]?.length ?? 0;
      setState({ status: 'asking', asksExamples: true, problem: null });
      session.send({ type: 'ask-examples', task, from, answering: answering(form, context) });
    },
    newTalk: () => {
      if (getState().status !== 'asking') setState({ talk: [] });
    },
    stop: () => {
      if (getState().status !== 'asking') return;
      setState({ status: 'stopping' });
      session.send({ type: 'stop' });
    },
    close: () => {
      session.close();
      setState((state) => ({ ...ended(state), status: 'closed' }));
    },
  };
}

/** The playground of *Try it*, one for the whole page, so that questions and answers survive a change of tab. */
export const playground = createPlayground(openTryWorker);

/** Returns a function that reads the question's context from the page when it is asked. */
export function useTryContext(): () => TryContext {
  const page = usePage();
  return () => {
    const { access, device, memoryBudget, bench } = page.store.getState();
    return { access, device, budget: budgetBytes(memoryBudget), isMeasured: isMeasuring(bench) };
  };
}
