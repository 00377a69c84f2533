import type { ErrorReport } from '../../base/errors.ts';
import type { OnnxDtype } from '../../onnx/dtypes.ts';
import type { AnsweredExample, RoundAnswer } from '../../run/outputs/answers-over-rounds.ts';
import type { Preparation, Question, TriedAnswer, TriedRun, TryEvent, TryRuntime } from '../../worker/try/messages.ts';

/** How far the answer after a round is. */
export type AnswerState =
  | { status: 'waiting' }
  | { status: 'preparing'; what: Preparation }
  | { status: 'writing'; text: string }
  | { status: 'answered'; answer: TriedAnswer }
  | { status: 'failed'; error: ErrorReport }
  | { status: 'stopped' };

/** A question, and the answers of the rounds of a run, in their order. */
export interface Asked {
  id: number;
  /** The run that was asked: one that was asked earlier stays beside the next. */
  run: { id: string; method: string };
  question: Question;
  dtype: OnnxDtype;
  answers: { round: number; name: string; state: AnswerState }[];
}

/** Where rounds come from: those that this browser keeps, or files from disk, by the name of what was picked. */
export type TrySource = { kind: 'kept' } | { kind: 'files'; name: string };

export interface TryState {
  status: 'closed' | 'opening' | 'open' | 'asking' | 'stopping';
  source: TrySource;
  run: TriedRun | null;
  /** What the last question was computed on. */
  runtime: TryRuntime | null;
  /** Newest first. */
  asked: Asked[];
  /** Test examples of the task that is looked at. */
  examples: { task: string; examples: AnsweredExample[] } | null;
  /** What the model before training answered to the first examples of tasks, by {@link untrainedKey}. */
  untrained: Readonly<Record<string, readonly RoundAnswer[]>>;
  /** Whether it is test examples that are being asked, and no question. */
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

/** Names the answers before training to a task, with the weights in a form. */
export const untrainedKey = (task: string, dtype: OnnxDtype): string => `${dtype} ${task}`;

/** The right answer to a question, where it is known. */
export const rightAnswer = (question: Question): string | null => (question.kind === 'task' ? question.label : null);

/** Questions whose answers stay on the page. */
export const KEPT_QUESTIONS = 8;

/** Before any task. */
export const UNTRAINED = 'before training';

/** The rounds of a run that can be asked, the model before training among them. */
export const roundsToAsk = ({ rounds }: TriedRun): { round: number; name: string; hasWeights: boolean }[] => [
  { round: 0, name: UNTRAINED, hasWeights: true },
  ...rounds,
];

/** The state with a question that has just been put. */
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

/** Answers that have not come will not come any more. */
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
