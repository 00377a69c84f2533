import { KINDS } from '../../tasks/kinds.ts';
import type { TaskSpec } from '../../tasks/own-task.ts';
import type { TableFile } from '../../tasks/table.ts';
import { tableOf } from '../../tasks/table.ts';

const TEXT_NAMES = /^(text|sentence|review|content|comment|message|title|question)/i;
const LABEL_NAMES = /^(label|class|category|target|sentiment|topic|answer|rating|stars)/i;

/** What a file is likely to be: columns by their names, else the longest texts and the fewest different values. */
export function guessedSpec(file: TableFile, taken: readonly string[], header = true): TaskSpec {
  const { columns, rows } = tableOf(file, header);
  const sample = rows.slice(0, 100);
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
  return {
    name: freeName(file.name, taken),
    kind: 'TC',
    instruction: KINDS['TC'],
    file: file.name,
    sha256: file.sha256,
    header,
    textColumn: text.name,
    labelColumn: label.name,
    testShare: 0.2,
    seed: 1,
  };
}

/** The name of a file without its end, as far as a task can have it. */
function freeName(file: string, taken: readonly string[]): string {
  const stem = file.replace(/\.[a-z]+$/i, '').replace(/[^\p{L}\p{N}_-]+/gu, ' ');
  const name =
    stem
      .replace(/^[ _-]+/, '')
      .slice(0, 36)
      .trim() || 'task';
  let free = name;
  for (let copy = 2; taken.includes(free); copy++) free = `${name} ${copy}`;
  return free;
}

/** Why an own task cannot have this name, beside its spelling. */
export const nameIssue = (name: string, taken: readonly string[]): string | undefined =>
  taken.includes(name) ? 'Another task of yours has this name' : undefined;
