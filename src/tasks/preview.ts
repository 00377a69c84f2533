import { reportOf } from '../base/errors.ts';
import { labelledTexts } from './custom-task.ts';
import { type Table, type TableFile, tableOf } from './table.ts';
import type { ChosenColumns, TablePreview } from './table-preview.ts';

// Limits of the preview: a cell may hold a megabyte.
const [SHOWN_ROWS, SHOWN_CHARACTERS] = [10, 400];

/**
 * The preview of a file with the chosen columns, or with the likely ones.
 *
 * @throws GorpError as {@link tableOf}.
 */
export function previewOf(file: TableFile, header: boolean, chosen: ChosenColumns | null): TablePreview {
  const table = tableOf(file, header);
  const columns = chosen ?? likelyColumns(table);
  const rows = table.rows.slice(0, SHOWN_ROWS).map((row) => row.map((cell) => cell.slice(0, SHOWN_CHARACTERS)));
  const seen = { ...columns, columns: table.columns, rows };
  try {
    const { examples, labels, warnings } = labelledTexts(table, columns.textColumn, columns.labelColumn);
    const found = { examples: examples.length, labels };
    return { ...seen, found, problem: null, warnings: [...table.warnings, ...warnings] };
  } catch (thrown) {
    return { ...seen, found: null, problem: reportOf(thrown), warnings: table.warnings };
  }
}

const TEXT_NAMES = /^(text|sentence|review|content|comment|message|title|question)/i;
const LABEL_NAMES = /^(label|class|category|target|sentiment|topic|answer|rating|stars)/i;
const SAMPLE_ROWS = 100;

/** Guesses the columns by name, otherwise by the longest texts and the fewest different values. */
function likelyColumns({ columns, rows }: Table): ChosenColumns {
  const sample = rows.slice(0, SAMPLE_ROWS);
  const facts = columns.map((name, i) => ({
    name,
    length: sample.reduce((sum, row) => sum + row[i].length, 0),
    different: new Set(sample.map((row) => row[i])).size,
  }));
  const label =
    facts.find(({ name }) => LABEL_NAMES.test(name)) ??
    facts.reduce((a, b) => (b.different > 1 && (a.different < 2 || b.different < a.different) ? b : a));
  const others = facts.filter((fact) => fact !== label);
  const text =
    others.find(({ name }) => TEXT_NAMES.test(name)) ?? others.reduce((a, b) => (b.length > a.length ? b : a));
  return { textColumn: text.name, labelColumn: label.name };
}
