import type { OnnxDtype } from '../../onnx/dtypes.ts';
import type { AnsweredExample, RoundAnswer } from '../../run/outputs/answers-over-rounds.ts';
import type { Question, TriedRun } from '../../worker/try/messages.ts';

/** Which test examples are listed: those that turned wrong or right between two rounds, those still wrong, or all. */
export const SHOWN = ['turned-wrong', 'turned-right', 'wrong', 'all'] as const;
export type Shown = (typeof SHOWN)[number];

/** What the person has entered and chosen. */
export interface TryForm {
  kind: Question['kind'];
  task: string;
  sentence: string;
  /** The right answer if the sentence is an unchanged test example; otherwise null. */
  label: string | null;
  text: string;
  dtype: OnnxDtype;
  /** Rounds not to ask. */
  skipped: number[];
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
  text: '',
  dtype: 'f32',
  skipped: [],
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
  const rounds = tasks.find((task) => task.name === name)?.rounds ?? [];
  const compared = { from: rounds[0] ?? 0, to: rounds.at(-1) ?? 0 };
  const isSame = form.task === name && [0, ...rounds].includes(form.from) && form.to === compared.to;
  return { ...form, task: name, ...(isSame ? {} : compared), ...(form.task === name ? {} : { label: null }) };
}

/** The form's question; null if nothing is entered. */
export function questionOf({ kind, task, sentence, label, text }: TryForm): Question | null {
  if (kind === 'raw') return text.trim() === '' ? null : { kind, text };
  return sentence.trim() === '' || task === '' ? null : { kind, task, sentence, label };
}

/** An example with its answers after two rounds. */
export interface Compared {
  example: AnsweredExample;
  before: RoundAnswer | undefined;
  after: RoundAnswer | undefined;
}

/**
 * The examples that match the form, in the order of the test set.
 *
 * @param untrained answers of the model before training to the first examples.
 */
export function chosenExamples(
  examples: readonly AnsweredExample[],
  form: TryForm,
  untrained: readonly RoundAnswer[] = [],
): Compared[] {
  const wanted = form.search.trim().toLowerCase();
  return examples
    .map((example, i) => {
      const of = (round: number): RoundAnswer | undefined =>
        round === 0 ? untrained.at(i) : example.answers.find((answer) => answer.round === round);
      return { example, before: of(form.from), after: of(form.to) };
    })
    .filter((compared) => isShown(compared, form.shown) && (wanted === '' || textOf(compared).includes(wanted)));
}

function isShown({ before, after }: Compared, shown: Shown): boolean {
  switch (shown) {
    case 'all':
      return true;
    case 'wrong':
      return after?.isRight === false;
    case 'turned-wrong':
      return before?.isRight === true && after?.isRight === false;
    case 'turned-right':
      return before?.isRight === false && after?.isRight === true;
  }
}

const textOf = ({ example: { sentence, label }, before, after }: Compared): string =>
  [sentence, label, before?.written, after?.written].join('\n').toLowerCase();
