import type { ErrorReport } from '../../base/errors.ts';
import type { OnnxDtype } from '../../onnx/dtypes.ts';
import type { AnsweredExample, RoundAnswer } from '../../run/files/predictions.ts';
import type {
  Exchange,
  GivenRun,
  Preparation,
  Question,
  TriedAnswer,
  TriedRun,
  TryEvent,
  TryRuntime,
} from '../../worker/try/messages.ts';

/** The progress of a round's answer. */
export type AnswerState =
  | { status: 'waiting' }
  | { status: 'preparing'; what: Preparation }
  | { status: 'writing'; text: string }
  | { status: 'answered'; answer: TriedAnswer }
  | { status: 'failed'; error: ErrorReport }
  /** With what was written until then. */
  | { status: 'stopped'; text: string };

/** A question, and the answers of a run's rounds, in order. */
export interface Asked {
  id: number;
  /** The run that was asked. Questions to earlier runs stay in the list. */
  run: { id: string; method: string };
  question: Question;
  dtype: OnnxDtype;
  answers: { round: number; name: string; state: AnswerState }[];
}

export interface TryState {
  status: 'closed' | 'opening' | 'open' | 'asking' | 'stopping';
  /** Files that are open instead of the rounds stored in this browser. */
  given: GivenRun | null;
  run: TriedRun | null;
  /** The runtime that computed the last question. */
  runtime: TryRuntime | null;
  /** Newest first. */
  asked: Asked[];
  /** The turns of the conversation with their answers, the newest last. All asked the same rounds of a run. */
  talk: Asked[];
  /** Whether the conversation is being answered, rather than a question. */
  isTalking: boolean;
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
  given: null,
  run: null,
  runtime: null,
  asked: [],
  talk: [],
  isTalking: false,
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

/** How a heading begins with the name of a round. */
export const headed = (name: string): string => name[0].toUpperCase() + name.slice(1);

/** The rounds of a run that can be asked, including the model before training. */
export const roundsToAsk = ({ rounds }: TriedRun): { round: number; name: string; hasWeights: boolean }[] => [
  { round: 0, name: UNTRAINED, hasWeights: true },
  ...rounds,
];

/** The name of a round of a run; one whose files are missing is named by its number. */
export const nameIn = (run: TriedRun, round: number): string =>
  roundsToAsk(run).find((one) => one.round === round)?.name ?? `after task ${round}`;

type Choice = { round: number; name: string; hasWeights: boolean };

/** The rounds that the person asks. */
export const chosenRounds = (run: TriedRun, { skipped }: { skipped: readonly number[] }): Choice[] =>
  roundsToAsk(run).filter(({ round, hasWeights }) => hasWeights && !skipped.includes(round));

/** The rounds that take part in a conversation: those it began with, at first the chosen ones. */
export function roundsOfTalk(
  run: TriedRun,
  form: { talkers: readonly number[] | null },
  talk: readonly Asked[],
): Choice[] {
  const rounds = roundsToAsk(run).filter(({ hasWeights }) => hasWeights);
  const [first] = talk;
  const chosen = form.talkers ?? [0, rounds.at(-1)?.round ?? 0];
  const own = first === undefined ? chosen : first.answers.map(({ round }) => round);
  return rounds.filter(({ round }) => own.includes(round));
}

/** The conversation so far, as a question tells it: what each round has answered, also if it was stopped. */
export const exchanges = (talk: readonly Asked[]): Exchange[] =>
  talk.map(({ question, answers }) => ({
    text: question.kind === 'chat' ? question.text : '',
    answers: Object.fromEntries(
      answers.flatMap(({ round, state }) => {
        const text = state.status === 'answered' ? state.answer.text : state.status === 'stopped' ? state.text : '';
        return text === '' ? [] : [[round, text]];
      }),
    ),
  }));

/** The state after a question is asked. */
export function asking(state: TryState, asked: Omit<Asked, 'id'>): TryState {
  const isTalking = asked.question.kind === 'chat';
  const begun: TryState = { ...state, status: 'asking', problem: null, isTalking };
  if (isTalking) return { ...begun, talk: [...state.talk, { ...asked, id: state.talk.length }] };
  const id = (state.asked.at(0)?.id ?? 0) + 1;
  return { ...begun, asked: [{ ...asked, id }, ...state.asked].slice(0, KEPT_QUESTIONS) };
}

/** The state after an event of the worker. Pure. */
export function applyTryEvent(state: TryState, event: TryEvent): TryState {
  switch (event.type) {
    case 'opened': {
      const untrained = event.run?.id === state.run?.id ? state.untrained : {};
      const { run, given } = event;
      return { ...state, status: 'open', run, given, examples: null, untrained, problem: null };
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
      return { ...ended(state), status: 'open' };
    case 'ended':
      return { ...ended(state), status: 'closed', run: null, examples: null, problem: event.error };
    case 'failed':
      return { ...ended(state), status: state.run === null ? 'closed' : 'open', problem: event.error };
  }
}

/** Nothing is asked any more: unfinished answers are marked as stopped. */
export const ended = (state: TryState): TryState =>
  changed({ ...state, asksExamples: false }, (answer) =>
    answer.status === 'answered' || answer.status === 'failed' || answer.status === 'stopped'
      ? answer
      : { status: 'stopped', text: answer.status === 'writing' ? answer.text : '' },
  );

const withAnswer = (state: TryState, round: number, next: AnswerState): TryState =>
  changed(state, (answer, of) => (of === round ? next : answer));

/** The state with answers of the question that is being answered changed. */
function changed(state: TryState, change: (answer: AnswerState, round: number) => AnswerState): TryState {
  const newest = state.isTalking ? state.talk.at(-1) : state.asked.at(0);
  if (newest === undefined) return state;
  const answers = newest.answers.map((one) => ({ ...one, state: change(one.state, one.round) }));
  if (state.isTalking) return { ...state, talk: [...state.talk.slice(0, -1), { ...newest, answers }] };
  return { ...state, asked: [{ ...newest, answers }, ...state.asked.slice(1)] };
}
