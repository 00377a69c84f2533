import { groupedBy } from '../base/statistics.ts';
import * as v from 'valibot';
import { type ErrorCode, GorpError } from '../base/errors.ts';
import { mixSeed, seededRandom, shuffled } from '../base/random.ts';
import { answeredTexts, columnIndex, splitUnits, textAt } from './answered.ts';
import { doubtfulLabels, type LabelDoubt } from './doubtful-labels.ts';
import { CHAT_ANSWERS, type Columns, SCORES, SCORES_OF, TASK_FORMS, type TaskForm } from './forms.ts';
import { checkDistinct } from './labels.ts';
import { frameOf, FRAMES } from './prompt.ts';
import type { Table } from './table.ts';
import { type Example, NameSchema, type Task, type TaskDefinition } from './task.ts';

/**
 * Splits examples into a training and a test part. The test part gets about `testShare` of the texts of each label, and
 * at least one if there are two or more. Equal texts stay on one side, so that no test text is trained on.
 *
 * The same examples, share and seed give the same parts on every machine.
 *
 * @param testShare in (0, 1).
 * @returns both parts, each in the original order.
 */
export function splitExamples(
  examples: readonly Example[],
  testShare: number,
  seed: number,
): { train: Example[]; test: Example[] } {
  // Texts by their first label; a text with two labels counts only for that one.
  const labelOf = new Map<string, string>();
  for (const { sentence, label } of examples) if (!labelOf.has(sentence)) labelOf.set(sentence, label);
  const textsOf = groupedBy(labelOf.keys(), (sentence) => labelOf.get(sentence) ?? '');
  const tested = new Set<string>();
  for (const [label, texts] of textsOf) {
    if (texts.length < 2) continue;
    const count = Math.min(texts.length - 1, Math.max(1, Math.round(testShare * texts.length)));
    const drawn = shuffled(texts, seededRandom(mixSeed(seed, 'split', label)));
    for (const text of drawn.slice(0, count)) tested.add(text);
  }
  return {
    train: examples.filter(({ sentence }) => !tested.has(sentence)),
    test: examples.filter(({ sentence }) => tested.has(sentence)),
  };
}

/** How to make a custom task from a file: all that another machine needs in addition to that file. */
export const TaskSpecSchema = v.strictObject({
  name: NameSchema,
  kind: NameSchema,
  /** The question of the prompt, in one line; null for a prompt without question and options. */
  instruction: v.nullable(v.pipe(v.string(), v.trim(), v.nonEmpty('Write a question, or choose none'))),
  /** Name of the file, and SHA-256 of its bytes in hexadecimal digits. Only the hash identifies the file. */
  file: v.string(),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'Expected 64 hexadecimal digits')),
  /** Whether the first row of the file names its columns. */
  header: v.boolean(),
  /** The form of its answers; in earlier versions labels. */
  form: v.optional(v.picklist(TASK_FORMS), 'labels'),
  textColumn: v.string(),
  /** A second part of the text; null if there is none. */
  inputColumn: v.optional(v.nullable(v.string()), null),
  /** Labels or answers; empty for conversations and texts. */
  labelColumn: v.string(),
  /** Labels that are changed to others before anything else, or whose rows are left out (null). */
  relabel: v.exactOptional(v.array(v.strictObject({ from: v.string(), to: v.nullable(v.string()) }))),
  /** The frame of the text in the prompt of free answers. */
  frame: v.optional(v.picklist(FRAMES), 'answer'),
  /** The assistant's turns to learn. */
  chatAnswers: v.optional(v.picklist(CHAT_ANSWERS), 'every'),
  /** The score that counts for the task, if not the first of its form. */
  score: v.exactOptional(v.picklist(SCORES)),
  /** Share of the texts held out for testing. */
  testShare: v.pipe(v.number(), v.gtValue(0, 'Must be above 0'), v.ltValue(1, 'Must be below 1')),
  seed: v.pipe(v.number('Must be a whole number'), v.integer('Must be a whole number')),
});
export type TaskSpec = v.InferOutput<typeof TaskSpecSchema>;

export const ExampleSchema = v.strictObject({
  sentence: v.string(),
  label: v.string(),
  others: v.optional(v.array(v.string())),
  turns: v.optional(
    v.array(v.strictObject({ role: v.picklist(['system', 'user', 'assistant']), content: v.string() })),
  ),
  row: v.optional(v.number()),
});
/** The definition of a task: all but its examples. */
export const TaskDefinitionSchema = v.strictObject({
  name: v.string(),
  kind: v.string(),
  instruction: v.nullable(v.string()),
  labels: v.array(v.string()),
  form: v.optional(v.picklist(TASK_FORMS)),
  score: v.optional(v.picklist(SCORES)),
  frame: v.optional(v.strictObject({ before: v.string(), after: v.string() })),
});
/** A task as it is stored and sent. */
export const TaskSchema = v.strictObject({
  ...TaskDefinitionSchema.entries,
  train: v.pipe(v.array(ExampleSchema), v.minLength(1)),
  dev: v.array(ExampleSchema),
  test: v.pipe(v.array(ExampleSchema), v.minLength(1)),
});

/** The labelled texts in two columns of a table. */
interface Labelled {
  readonly examples: Example[];
  /** In the order of the prompt: by value if all are numbers, otherwise by characters. */
  readonly labels: { label: string; rows: number }[];
  /** Labels to ask about before a task is made. */
  readonly doubts: LabelDoubt[];
  /** Sentences about what was left out and what to check. */
  readonly warnings: string[];
}

/** Maximum number of labels in a task, because the prompt lists them all. */
export const MAX_LABELS = 100;

/**
 * Takes texts and labels from a table. White space is trimmed around labels and collapsed within them; rows without a
 * text or a label are left out, and `relabel` is applied.
 *
 * @throws GorpError `tasks/unknown-column`; `tasks/nested-labels`; `tasks/empty` if no row has both; `tasks/no-such-label`
 *   if `relabel` names one that no row has.
 */
export function readLabels(table: Table, columns: Omit<Columns, 'form'>): Labelled {
  const { textColumn, inputColumn, labelColumn, relabel = [] } = columns;
  const [text, label] = [textAt(table, textColumn, inputColumn), columnIndex(table, labelColumn)];
  if (table.nested.includes(labelColumn)) {
    throw customTaskError(
      'tasks/nested-labels',
      `Column “${labelColumn}” holds lists or objects, which are no labels`,
      'Choose another column, or say that the answers are free.',
    );
  }
  let withoutText = 0;
  let withoutLabel = 0;
  let leftOut = 0;
  const changes = new Map(relabel.map(({ from, to }) => [from, to]));
  const seen = new Set<string>();
  const counts = new Map<string, number>();
  const examples: Example[] = [];
  for (const [i, row] of table.rows.entries()) {
    const [sentence, written] = [text(row), row[label].replace(/\s+/g, ' ').trim()];
    seen.add(written);
    const changed = changes.get(written);
    if (sentence === '') withoutText++;
    else if (written === '') withoutLabel++;
    else if (changed === null) leftOut++;
    else {
      const example = { sentence, label: changed ?? written, row: table.lines[i] };
      examples.push(example);
      counts.set(example.label, (counts.get(example.label) ?? 0) + 1);
    }
  }
  if (examples.length === 0) {
    throw customTaskError('tasks/empty', 'No row has both a text and a label', 'Choose other columns.');
  }
  const unknown = relabel.flatMap(({ from, to }) => [from, ...(to === null ? [] : [to])]).find((one) => !seen.has(one));
  if (unknown !== undefined) {
    throw customTaskError(
      'tasks/no-such-label',
      `No row of column “${labelColumn}” has the label “${unknown}”, which is to be merged or left out`,
      'Name labels as the file has them.',
    );
  }
  const labels = sortLabels(Array.from(counts, ([name, rows]) => ({ label: name, rows })));
  const warnings: string[] = [];
  if (withoutText > 0) warnings.push(`${rowsText(withoutText)} without a text left out.`);
  if (withoutLabel > 0) warnings.push(`${rowsText(withoutLabel)} without a label left out.`);
  if (leftOut > 0) warnings.push(`${rowsText(leftOut)} left out for the label.`);
  const commas = labels.filter((one) => one.label.includes(',')).map((one) => `“${one.label}”`);
  if (commas.length > 0) {
    warnings.push(`Commas separate the options in the prompt, but occur within ${listed(commas)}: consider renaming.`);
  }
  const contradicted = contradictions(examples);
  if (contradicted > 0) warnings.push(`Texts with different labels: ${contradicted}.`);
  return { examples, labels, doubts: doubtfulLabels(examples, labels), warnings };
}

/**
 * The labelled texts of a table, split into those to train and those to test.
 *
 * @throws as {@link readLabels}; GorpError `tasks/one-label`; `tasks/too-many-labels`; `tasks/labels-alike` if exact
 *   match cannot distinguish two labels.
 */
export function splitLabels(
  { examples, labels, warnings }: Labelled,
  { testShare, seed }: Pick<TaskSpec, 'testShare' | 'seed'>,
): { train: Example[]; test: Example[]; warnings: string[] } {
  checkLabels(labels.map((one) => one.label));
  const { train, test } = splitExamples(examples, testShare, seed);
  const without = (part: readonly Example[]): string =>
    listed(labels.filter(({ label }) => !part.some((one) => one.label === label)).map(({ label }) => `“${label}”`));
  const [untested, untrained] = test.length === 0 ? ['', ''] : [without(test), without(train)];
  const all = warnings.slice();
  if (untested !== '') all.push(`Too few texts to test ${untested}.`);
  if (untrained !== '') all.push(`Too few texts to train ${untrained}.`);
  return { train, test, warnings: all };
}

/** Why a file with no text to test makes no task. */
export const tooFewTexts = (form: TaskForm): GorpError =>
  form === 'text'
    ? customTaskError(
        'tasks/empty',
        'It has too little text: a part of it is set aside to test on',
        'Add text to the file.',
      )
    : customTaskError(
        'tasks/empty',
        `${form === 'labels' ? 'No label has' : 'There are not'} two different texts, one to train on and one to test on`,
        'Add examples to the file.',
      );

/**
 * Makes a task from a table according to its specification.
 *
 * @returns the task, and what to check, in sentences.
 * @throws as {@link readLabels}, {@link splitLabels} and {@link answeredTexts}; GorpError `tasks/empty` if there are too few
 *   texts to train and test on.
 */
export function makeCustomTask(table: Table, spec: TaskSpec): { task: Task; warnings: string[] } {
  const { score, form, name } = spec;
  if (score !== undefined && !SCORES_OF[form].includes(score)) {
    throw customTaskError(
      'tasks/no-such-score',
      `${name} has no score ${score}`,
      `Choose one of these: ${SCORES_OF[form].join(', ')}.`,
    );
  }
  const made = form === 'labels' ? makeLabelled(table, spec) : makeAnswered(table, spec);
  if (made.task.test.length === 0) throw tooFewTexts(form);
  return score === undefined ? made : { ...made, task: { ...made.task, score } };
}

function makeLabelled(table: Table, spec: TaskSpec): { task: Task; warnings: string[] } {
  const found = readLabels(table, spec);
  const { train, test, warnings } = splitLabels(found, spec);
  const { name, kind } = spec;
  const instruction = spec.instruction === null ? null : `${spec.instruction}\n`;
  return {
    task: { name, kind, instruction, labels: found.labels.map(({ label }) => label), train, dev: [], test },
    warnings: [...table.warnings, ...warnings],
  };
}

function makeAnswered(table: Table, spec: TaskSpec): { task: Task; warnings: string[] } {
  const { name, kind, form } = spec;
  const { units, warnings } = answeredTexts(table, spec, spec.chatAnswers);
  const { train, test } = splitUnits(units, spec.testShare, spec.seed);
  const instruction = spec.instruction === null ? null : `${spec.instruction}\n`;
  const frame = form === 'free' ? { frame: frameOf(spec.frame, spec.instruction) } : {};
  return {
    task: { name, kind, instruction, labels: [], form, ...frame, train, dev: [], test },
    warnings: [...table.warnings, ...warnings],
  };
}

function sortLabels(labels: Labelled['labels']): Labelled['labels'] {
  const byNumber = labels.every(({ label }) => Number.isFinite(Number(label)));
  return labels.sort((a, b) => {
    const difference = byNumber ? Number(a.label) - Number(b.label) : 0;
    return difference || (a.label < b.label ? -1 : 1);
  });
}

function checkLabels(labels: readonly string[]): void {
  if (labels.length < 2) {
    throw customTaskError(
      'tasks/one-label',
      `All rows have the label “${labels[0]}”`,
      'Choose the column with the labels; a task needs at least two.',
    );
  }
  if (labels.length > MAX_LABELS) {
    throw customTaskError(
      'tasks/too-many-labels',
      `The column has ${labels.length} different labels; at most ${MAX_LABELS} fit into a prompt`,
      'Choose the column with the labels, or merge rare labels into one.',
    );
  }
  checkDistinct(labels);
}

function contradictions(examples: readonly Example[]): number {
  const labelOf = new Map<string, string>();
  const found = new Set<string>();
  for (const { sentence, label } of examples) {
    const known = labelOf.get(sentence);
    if (known === undefined) labelOf.set(sentence, label);
    else if (known !== label) found.add(sentence);
  }
  return found.size;
}

const rowsText = (count: number): string => (count === 1 ? 'One row' : `${count} rows`);
const listed = (names: readonly string[]): string => names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');

const customTaskError = (code: ErrorCode, message: string, nextStep: string): GorpError =>
  new GorpError(code, `${message}.`, nextStep);

/** Warns of a task that is hard to tell from one that the model was taught before: both have the same question. */
export function doubtsBeside(
  task: Pick<TaskDefinition, 'instruction' | 'labels'>,
  taught: readonly Pick<TaskDefinition, 'name' | 'instruction' | 'labels'>[],
): string[] {
  const question = lettersOf(task.instruction ?? '');
  const alike = taught.find(({ instruction }) => question !== '' && lettersOf(instruction ?? '') === question);
  if (alike === undefined) return [];
  const isSame = task.labels.toSorted().join('\n') === alike.labels.toSorted().join('\n');
  return [
    isSame
      ? `It asks the question of ${alike.name} with the same labels, so what it teaches changes the answers to ${alike.name}.`
      : `It asks the question of ${alike.name}, but has other labels: give it a question of its own, so that the model can tell the two apart.`,
  ];
}

/** The letters and digits of a text in lower case; a text of neither is itself. */
export function lettersOf(text: string): string {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, '') || text
  );
}
