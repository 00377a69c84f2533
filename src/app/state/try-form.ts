import type { OnnxDtype } from '../../onnx/dtypes.ts';
import type { AnsweredExample, RoundAnswer } from '../../run/files/predictions.ts';
import type { TaskForm } from '../../tasks/forms.ts';
import { normalisedAnswer } from '../../text/scores.ts';
import type { Exchange, Question, TriedRun, Writing } from '../../worker/try/messages.ts';

/**
 * Which test examples are listed: those that turned wrong or right between two rounds, of free answers those whose
 * ROUGE-L fell or rose; those wrong in the end, or all.
 */
export const SHOWN = ['turned-wrong', 'turned-right', 'wrong', 'all'] as const;
export type Shown = (typeof SHOWN)[number];

/** The question, and the choices for its answers. */
export interface TryForm {
  kind: Question['kind'];
  task: string;
  sentence: string;
  /** The right answer if the sentence is an unchanged test example; otherwise null. */
  label: string | null;
  /** Further right answers. */
  others: readonly string[];
  text: string;
  /** The next turn of the conversation, and its system prompt. */
  turn: string;
  system: string;
  /** How raw prompts and conversations are answered; empty numbers are NaN. */
  writing: Writing;
  dtype: OnnxDtype;
  /** Rounds not to ask. */
  skipped: number[];
  /** Rounds to talk with; null for the model before training and the last round. */
  talkers: number[] | null;
  shown: Shown;
  /** The two rounds whose answers are compared; the first may be 0, before training. */
  from: number;
  to: number;
  search: string;
}

export const EMPTY_FORM: TryForm = {
  kind: 'task',
  task: '',
  sentence: '',
  label: null,
  others: [],
  text: '',
  turn: '',
  system: '',
  writing: { most: 128, temperature: 0, seed: 1 },
  dtype: 'f32',
  skipped: [],
  talkers: null,
  shown: 'turned-wrong',
  from: 0,
  to: 0,
  search: '',
};

/** The form for a run: its task stays if the run has it; otherwise the first task is chosen. */
export function formFor(form: TryForm, { tasks }: TriedRun): TryForm {
  return withTask(form, tasks, tasks.some(({ name }) => name === form.task) ? form.task : (tasks[0]?.name ?? ''));
}

/** The form for a task, comparing the first and the last round that tested it. */
export function withTask(form: TryForm, tasks: TriedRun['tasks'], name: string): TryForm {
  const { rounds = [], form: taskForm = 'labels' } = tasks.find((task) => task.name === name) ?? {};
  const isSingle = rounds.length === 1;
  // After a single round nothing can have changed since, and free answers seldom turn from right to wrong.
  const showsAll = isSingle || taskForm !== 'labels';
  const compared = { from: isSingle ? 0 : (rounds[0] ?? 0), to: rounds.at(-1) ?? 0 };
  const isSame = form.task === name && [0, ...rounds].includes(form.from) && form.to === compared.to;
  return {
    ...form,
    task: name,
    ...(isSame ? {} : { ...compared, ...(showsAll && { shown: 'all' as const }) }),
    ...(form.task === name ? {} : { label: null, others: [] }),
  };
}

/** How far a raw prompt or a conversation can be answered. */
export const MOST_TOKENS = 4096;

/** Whether answers can be written so: whole numbers, in range. */
export const isWritable = ({ most, temperature, seed }: Writing): boolean =>
  Number.isInteger(most) &&
  most >= 1 &&
  most <= MOST_TOKENS &&
  temperature >= 0 &&
  temperature <= 5 &&
  Number.isSafeInteger(seed);

/**
 * The form's question; null if nothing is entered.
 *
 * @param before the conversation so far.
 */
export function questionOf(form: TryForm, before: readonly Exchange[] = []): Question | null {
  const { kind, task, sentence, label, others, text, turn, system, writing } = form;
  if (kind !== 'task' && !isWritable(writing)) return null;
  if (kind === 'chat') return turn.trim() === '' ? null : { kind, system, before, text: turn };
  if (kind === 'raw') return text.trim() === '' ? null : { kind, text };
  return sentence.trim() === '' || task === '' ? null : { kind, task, sentence, label, others };
}

/** An example with its answers after two rounds. */
export interface Compared {
  example: AnsweredExample;
  before: RoundAnswer | undefined;
  after: RoundAnswer | undefined;
}

/**
 * The examples that match the form: first those that got worse, the worst of all at the top; those without two answers
 * last.
 *
 * @param untrained answers of the model before training to the first examples.
 */
export function chosenExamples(
  examples: readonly AnsweredExample[],
  form: TryForm,
  taskForm: TaskForm,
  untrained: readonly RoundAnswer[] = [],
): Compared[] {
  const wanted = form.search.trim().toLowerCase();
  return examples
    .map((example, i) => {
      const of = (round: number): RoundAnswer | undefined =>
        round === 0 ? untrained.at(i) : example.answers.find((answer) => answer.round === round);
      return { example, before: of(form.from), after: of(form.to) };
    })
    .filter(
      (compared) => isShown(compared, form.shown, taskForm) && (wanted === '' || textOf(compared).includes(wanted)),
    )
    .sort((a, b) => (changeOf(a, taskForm) ?? 2) - (changeOf(b, taskForm) ?? 2));
}

/**
 * Describes the answers that turned wrong between the form's two rounds, in a sentence: how many have the words of
 * another task's labels, how many another label of their own. Null for free answers, and if none turned wrong.
 */
export function wrongSentence(
  examples: readonly AnsweredExample[],
  form: TryForm,
  tasks: TriedRun['tasks'],
  untrained: readonly RoundAnswer[] = [],
): string | null {
  const own = tasks.find(({ name }) => name === form.task);
  if (own?.form !== 'labels') return null;
  const turned = chosenExamples(examples, { ...form, shown: 'turned-wrong', search: '' }, 'labels', untrained);
  if (turned.length === 0) return null;
  // A label that several tasks have says nothing about where it comes from, so its own task comes first.
  const owners = new Map(
    [...tasks.filter((task) => task !== own && task.form === 'labels'), own].flatMap(({ name, labels }) =>
      labels.map((label) => [normalisedAnswer(label), name]),
    ),
  );
  const counts = new Map<string | null, number>();
  for (const { after } of turned) {
    const owner = owners.get(normalisedAnswer(after?.written ?? '')) ?? null;
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  const parts = [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([owner, count]) => {
      const verb = count === 1 ? 'is' : 'are';
      if (owner === own.name) return `${count} ${verb} another label of ${owner}`;
      return owner === null
        ? `${count} ${verb} something else`
        : `${count} now ${count === 1 ? 'uses' : 'use'} ${owner}’s words`;
    });
  return `${turned.length === 1 ? '1 answer' : `${turned.length} answers`} turned wrong: ${parts.join(', ')}.`;
}

/** How much better the second answer is, from −1 to 1: by ROUGE-L if answers are free. Null if one is missing. */
function changeOf({ before, after }: Compared, taskForm: TaskForm): number | null {
  if (before === undefined || after === undefined) return null;
  const worth = ({ isRight, rougeL }: RoundAnswer): number => (taskForm === 'labels' ? Number(isRight) : rougeL);
  return worth(after) - worth(before);
}

function isShown(compared: Compared, shown: Shown, taskForm: TaskForm): boolean {
  const change = changeOf(compared, taskForm) ?? 0;
  switch (shown) {
    case 'all':
      return true;
    case 'wrong':
      return compared.after?.isRight === false;
    case 'turned-wrong':
      return change < 0;
    case 'turned-right':
      return change > 0;
  }
}

const textOf = ({ example: { sentence, label }, before, after }: Compared): string =>
  [sentence, label, before?.written, after?.written].join('\n').toLowerCase();
