import { reportOf } from '../base/errors.ts';
import { answeredTexts, splitUnits } from './answered.ts';
import { readLabels, splitLabels } from './custom-task.ts';
import type { LabelDoubt } from './doubtful-labels.ts';
import type { Columns } from './forms.ts';
import { ALPACA, CONVERSATION } from './formats/alpaca.ts';
import { recognise } from './formats/recognise.ts';
import { USUAL_SPLIT } from './likely-spec.ts';
import { type Table, type TableFile, tableOf } from './table.ts';
import type { TablePreview } from './table-preview.ts';
import type { Example } from './task.ts';

// Limits of the preview: a cell may hold a megabyte.
const [SHOWN_ROWS, SHOWN_CHARACTERS] = [10, 400];
const SAMPLES = 3;

/**
 * The preview of a file with the chosen columns, or with the likely ones.
 *
 * @throws GorpError as {@link tableOf}.
 */
export function previewOf(file: TableFile, header: boolean, chosen: Columns | null): TablePreview {
  const table = tableOf(file, header);
  const columns = { ...recognise(table), ...chosen };
  const rows = table.rows.slice(0, SHOWN_ROWS).map((row) => row.map((cell) => cell.slice(0, SHOWN_CHARACTERS)));
  const seen = { ...columns, columns: table.columns, rows };
  const unread = unreadColumns(table, columns);
  const doubts: LabelDoubt[] = [];
  try {
    const { found, warnings } = foundIn(table, columns, doubts);
    return { ...seen, doubts, found, problem: null, warnings: [...table.warnings, ...warnings, ...unread] };
  } catch (thrown) {
    return { ...seen, doubts, found: null, problem: reportOf(thrown), warnings: [...table.warnings, ...unread] };
  }
}

/** Columns that say something of a row though no task names them: see answered.ts. */
const READ_BESIDE = ['system', 'tools', 'chosen', 'definition'];
/** Columns whose names a sentence lists. */
const NAMED = 20;

/** Which columns of a table are read for nothing, in a sentence; none if all are. */
export function unreadColumns(
  table: Pick<Table, 'columns'>,
  { form, textColumn, inputColumn, labelColumn }: Columns,
): string[] {
  const beside = form === 'chat' ? READ_BESIDE : READ_BESIDE.slice(-1);
  const used = [textColumn, inputColumn, labelColumn, ...beside, ...(textColumn === CONVERSATION ? ALPACA : [])];
  const left = table.columns.filter((name) => !used.includes(name) && !used.includes(name.toLowerCase()));
  if (left.length === 0) return [];
  const names = left.slice(0, NAMED).join(', ') + (left.length > NAMED ? ', …' : '');
  return [`${left.length === 1 ? 'A column is' : `${left.length} columns are`} not learned: ${names}.`];
}

/** @param doubts receives the labels to ask about, before anything is thrown. */
function foundIn(
  table: Table,
  columns: Columns,
  doubts: LabelDoubt[],
): { found: NonNullable<TablePreview['found']>; warnings: readonly string[] } {
  if (columns.form === 'labels') {
    const read = readLabels(table, columns);
    doubts.push(...read.doubts);
    const { test, warnings } = splitLabels(read, USUAL_SPLIT);
    return { found: { ...summaryOf(read.examples), tests: test.length, labels: read.labels }, warnings };
  }
  const { units, warnings } = answeredTexts(table, columns, 'every');
  const { test } = splitUnits(units, USUAL_SPLIT.testShare, USUAL_SPLIT.seed);
  return { found: { ...summaryOf(units.flat()), tests: test.length, labels: [] }, warnings };
}

function summaryOf(examples: readonly Example[]): Omit<NonNullable<TablePreview['found']>, 'labels' | 'tests'> {
  const samples = examples.slice(0, SAMPLES).map(({ sentence, label }) => ({
    text: sentence.slice(0, SHOWN_CHARACTERS),
    answer: label.slice(0, SHOWN_CHARACTERS),
  }));
  return {
    examples: examples.length,
    longest: examples.reduce((longest, { label }) => Math.max(longest, label.length), 0),
    samples,
  };
}
