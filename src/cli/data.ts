import { makeCustomTask } from '../tasks/custom-task.ts';
import { doubtText } from '../tasks/doubtful-labels.ts';
import { TASK_FORMS, type TaskForm } from '../tasks/forms.ts';
import { FORM_DEFAULTS, likelySpec } from '../tasks/likely-spec.ts';
import { previewOf } from '../tasks/preview.ts';
import { promptOf } from '../tasks/prompt.ts';
import type { TablePreview } from '../tasks/table-preview.ts';
import { tableOf } from '../tasks/table.ts';
import { oneOf, readArguments } from './arguments.ts';
import { USUAL_ROWS } from '../weights/hub-dataset.ts';
import { mendText, readDataPath } from './task-option.ts';
import { EXIT, UsageError } from './exit.ts';
import { oneLine, Terminal } from './terminal.ts';

export const DATA_USAGE = `Usage: gorp-web data FILE… [options]

Shows what would be read from a file of examples (CSV, TSV, JSON, JSONL, Parquet), from a text (.txt, .md), a folder of
texts or a data set of the Hugging Face hub (org/name): its format, the columns, what is left out, and the first examples as a model reads them.
Of several, each is shown in turn; the options apply to all.

  --form NAME      what the answers are: ${TASK_FORMS.join(', ')}
  --text COLUMN    the column with the text, the conversation or the document
  --input COLUMN   a second part of the text
  --answer COLUMN  the column with the label or the answer
  --no-header      the first row of a CSV or TSV file is an example
  --config NAME, --split NAME, --rows N  of a data set on the hub; by default train, and its first ${USUAL_ROWS} rows
  --json           the same as JSON
  --help`;

const SHOWN_EXAMPLES = 2;
const SHOWN_CHARACTERS = 1200;

/** `gorp-web data`. @returns the exit code. */
export async function data(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  if (positionals.length === 0) throw new UsageError('Name a file or a folder.');
  const terminal = new Terminal(values.json);
  const seen = new Map<string, string>();
  let worst: number = EXIT.ok;
  for (const path of positionals) {
    if (seen.size > 0) terminal.result('');
    const { sha256, isTask } = await show(path, values, terminal);
    const same = seen.get(sha256);
    if (same !== undefined) terminal.result(`Note: it is the same as ${same}.`);
    seen.set(sha256, path);
    if (!isTask) worst = EXIT.input;
  }
  return worst;
}

const OPTIONS = {
  form: { type: 'string' },
  text: { type: 'string' },
  input: { type: 'string' },
  answer: { type: 'string' },
  'no-header': { type: 'boolean', default: false },
  config: { type: 'string' },
  split: { type: 'string' },
  rows: { type: 'string' },
} as const;
type OptionValues = ReturnType<typeof readArguments<typeof OPTIONS>>['values'];

/** Shows what would be read of a path. @returns the hash of what it holds, and whether it makes a task. */
async function show(
  path: string,
  values: OptionValues,
  terminal: Terminal,
): Promise<{ sha256: string; isTask: boolean }> {
  const header = !values['no-header'];
  const { config, split, rows: asked } = values;
  const file = await readDataPath(path, { config, split, rows: asked });
  const likely = previewOf(file, header, null);
  const form = values.form === undefined ? likely.form : oneOf('--form', values.form, TASK_FORMS);
  const chosen = {
    form,
    textColumn: values.text ?? likely.textColumn,
    inputColumn: values.input ?? likely.inputColumn,
    labelColumn: values.answer ?? likely.labelColumn,
  };
  const preview = previewOf(file, header, chosen);
  terminal.event({ file: file.name, sha256: file.sha256, ...preview });
  const usual = form === likely.form ? {} : FORM_DEFAULTS[form];
  const spec = { ...likelySpec(file, preview, []), ...usual, header };
  const rows = header && file.columns === null ? file.rows.length - 1 : file.rows.length;
  terminal.result(summary(file.name, rows, preview));
  const { sha256 } = file;
  if (preview.found === null) return { sha256, isTask: false };
  const { task } = makeCustomTask(tableOf(file, header), spec);
  terminal.result(`${task.train.length} to train, ${task.test.length} to test with the usual split.`);
  for (const { sentence, label } of task.train.slice(0, SHOWN_EXAMPLES)) {
    terminal.result(`\n${shortened(promptOf(task, sentence))}\n→ ${shortened(label)}`);
  }
  return { sha256, isTask: true };
}

const FORM_WORDS: Readonly<Record<TaskForm, string>> = {
  labels: 'labels',
  free: 'free text',
  chat: 'the assistant’s turns of conversations',
  text: 'the texts themselves',
};

function summary(name: string, rows: number, preview: TablePreview): string {
  const { format, form, textColumn, inputColumn, labelColumn, columns, doubts, found, problem, warnings } = preview;
  const role = (column: string): string =>
    column === textColumn
      ? ' (text)'
      : column === inputColumn
        ? ' (second text)'
        : column === labelColumn
          ? ` (${form === 'labels' ? 'label' : 'answer'})`
          : '';
  const lines = [
    `${name}: ${counted(rows, 'row')}. Format: ${format ?? 'a table'}. Answers: ${FORM_WORDS[form]}.`,
    `Columns: ${columns.map((column) => column + role(column)).join(', ')}.`,
  ];
  if (problem !== null) lines.push(`It makes no task. ${problem.message} ${problem.nextStep}`);
  const asked = doubts.map((doubt) => `${doubtText(doubt)} ${mendText(doubt)}`);
  if (found !== null) {
    const labels = found.labels.map(({ label, rows: count }) => `${label} (${count})`).join(', ');
    lines.push(
      found.labels.length > 0
        ? `${counted(found.examples, 'example')}, ${counted(found.labels.length, 'label')}: ${labels}.`
        : `${counted(found.examples, 'example')}, answers of up to ${counted(found.longest, 'character')}.`,
    );
  }
  // Names of columns and labels add no lines.
  return [...lines, ...[...asked, ...warnings].map((note) => `Note: ${note}`)].map(oneLine).join('\n');
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** A text with its middle left out if it is long: what follows it in a prompt matters. */
const shortened = (text: string): string =>
  text.length > SHOWN_CHARACTERS
    ? `${text.slice(0, 0.8 * SHOWN_CHARACTERS)} […] ${text.slice(-0.2 * SHOWN_CHARACTERS)}`
    : text;
