import type { ErrorReport } from '../../base/errors.ts';
import type { OnnxDtype } from '../../onnx/dtypes.ts';
import type { AnsweredExample, RoundAnswer } from '../../run/outputs/answers-over-rounds.ts';
import type { Preparation, Question, TriedAnswer, TriedRun, TryEvent, TryRuntime } from '../../worker/try/messages.ts';

/** The progress of a round's answer. */
export type AnswerState =
  | { status: 'waiting' }
  | { status: 'preparing'; what: Preparation }
  | { status: 'writing'; text: string }
  | { status: 'answered'; answer: TriedAnswer }
  | { status: 'failed'; error: ErrorReport }
  | { status: 'stopped' };

/** A question, and the answers of a run's rounds, in order. */
export interface Asked {
  id: number;
  /** The run that was asked. Questions to earlier runs stay in the list. */
  run: { id: string; method: string };
  question: Question;
  dtype: OnnxDtype;
  answers: { round: number; name: string; state: AnswerState }[];
}

/** Where rounds come from: this browser's store, or files from disk, with the name of the pick. */
export type TrySource = { kind: 'kept' } | { kind: 'files'; name: string };

export interface TryState {
  status: 'closed' | 'opening' | 'open' | 'asking' | 'stopping';
  source: TrySource;
  run: TriedRun | null;
  /** The runtime that computed the last question. */
  runtime: TryRuntime | null;
  /** Newest first. */
  asked: Asked[];
  /** Test examples of the chosen task. */
  examples: { task: string; examples: AnsweredExample[] } | null;
  /** Answers of the model before training to the first examples of tasks, by {@link untrainedKey}. */
  untrained: Readonly<Record<string, readonly RoundAnswer[]>>;
  /** Whether test examples are being asked, rather than a question. */
  asksExamples: boolean;
  problem: ErrorReport | null;
}

export const CLOSED: TryState = {
  status: 'closed',
  source: { kind: 'kept' },
  run: null,
  runtime: null,
  asked: [],
  examples: null,
  untrained: {},
  asksExamples: false,
  problem: null,
};

/** The key of a task's answers before training, for one weight format. */
export const untrainedKey = (task: string, dtype: OnnxDtype): string => `${dtype} ${task}`;

/** The right answer to a question; null if unknown. */
export const rightAnswer = (question: Question): string | null => (question.kind === 'task' ? question.label : null);

/** How many questions stay on the page with their answers. */
export const KEPT_QUESTIONS = 8;

/** The name of the model before any task. */
export const UNTRAINED = 'before training';

/** The rounds of a run that can be asked, including the model before training. */
export const roundsToAsk = ({ rounds }: TriedRun): { round: number; name: string; hasWeights: boolean }[] => [
  { round: 0, name: UNTRAINED, hasWeights: true },
  ...rounds,
];

/** The state after a question is asked. */
export function asking(state: TryState, asked: Omit<Asked, 'id'>): TryState {
  const id = (state.asked.at(0)?.id ?? 0) + 1;
  return {
    ...state,
    status: 'asking',
    problem: null,
    asked: [{ ...asked, id }, ...state.asked].slice(0, KEPT_QUESTIONS),
  };
}

/** The state after an event of the worker. Pure. */
export function applyTryEvent(state: TryState, event: TryEvent): TryState {
  switch (event.type) {
    case 'opened': {
      const untrained = event.run?.id === state.run?.id ? state.untrained : {};
      return { ...state, status: 'open', run: event.run, examples: null, untrained, problem: null };
    }
    case 'examples':
      return { ...state, examples: { task: event.task, examples: event.examples } };
    case 'preparing':
      return withAnswer(state, event.round, { status: 'preparing', what: event.what });
    case 'runtime':
      return { ...state, runtime: event.runtime };
    case 'token':
      return withAnswer(state, event.round, { status: 'writing', text: event.text });
    case 'answered':
      return withAnswer(state, event.round, { status: 'answered', answer: event.answer });
    case 'example-answered': {
      const key = untrainedKey(event.task, event.dtype);
      const answers = [...(state.untrained[key] ?? []), { round: 0, ...event.answer }];
      return { ...state, untrained: { ...state.untrained, [key]: answers } };
    }
    case 'unanswered':
      return withAnswer(state, event.round, { status: 'failed', error: event.error });
    case 'done':
      return { ...ended(state), status: 'open', asksExamples: false };
    case 'ended':
      return {
        ...ended(state),
        ...{ status: 'closed', run: null, examples: null, asksExamples: false, problem: event.error },
      };
    case 'failed':
      return {
        ...ended(state),
        status: state.run === null ? 'closed' : 'open',
        asksExamples: false,
        problem: event.error,
      };
  }
}

/** Marks unfinished answers as stopped. */
export function ended(state: TryState): TryState {
  return changed(state, (answer) =>
    answer.status === 'answered' || answer.status === 'failed' ? answer : { status: 'stopped' },
  );
}

const withAnswer = (state: TryState, round: number, next: AnswerState): TryState =>
  changed(state, (answer, of) => (of === round ? next : answer));

/** The state with answers of the newest question changed. */
function changed(state: TryState, change: (answer: AnswerState, round: number) => AnswerState): TryState {
  const [newest, ...others] = state.asked;
  if (newest === undefined) return state;
  const answers = newest.answers.map((one) => ({ ...one, state: change(one.state, one.round) }));
  return { ...state, asked: [{ ...newest, answers }, ...others] };
}
