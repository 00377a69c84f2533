import { useEffect, useId, useMemo, useRef, useState } from 'react';
import * as v from 'valibot';
import { type ErrorReport, reportOf } from '../../base/errors.ts';
import { KINDS } from '../../tasks/kinds.ts';
import { type Labelled, labelledTexts, type TaskSpec, TaskSpecSchema } from '../../tasks/own-task.ts';
import { type Table, type TableFile, tableOf } from '../../tasks/table.ts';
import fieldStyles from '../setup/field.module.css';
import { usePage, usePageState } from '../page-context.tsx';
import { ErrorNote } from './ErrorNote.tsx';
import styles from './ImportDialog.module.css';
import { guessedSpec, nameIssue } from './import-form.ts';
import { visibleText } from './visible.ts';

// Rows to look at, and the characters of each cell that are shown.
const PREVIEW_ROWS = 10;
const PREVIEW_CHARACTERS = 160;
const MOST_SHOWN_LABELS = 20;

/** The form for the file that is open, if one is. */
export function ImportDialog() {
  const file = usePageState((state) => state.openFile);
  return file === null ? null : <ImportForm key={file.sha256} file={file} />;
}

function ImportForm({ file }: { file: TableFile }) {
  const { tasks } = usePage();
  const taken = usePageState(({ taskData }) => taskData.own);
  const problem = usePageState((state) => state.taskProblem);
  const dialog = useRef<HTMLDialogElement>(null);
  const [spec, setSpec] = useState<TaskSpec>(() =>
    guessedSpec(
      file,
      taken.map((task) => task.spec.name),
    ),
  );
  const id = useId();
  const read = useMemo(() => attempt(() => tableOf(file, spec.header)), [file, spec.header]);
  const { textColumn, labelColumn } = spec;
  const found = useMemo(
    () => (read.value === null ? read : attempt(() => labelledTexts(read.value, textColumn, labelColumn))),
    [read, textColumn, labelColumn],
  );
  useEffect(() => dialog.current?.showModal(), []);

  const table = read.value;
  const change = (part: Partial<TaskSpec>): void => setSpec((old) => ({ ...old, ...part }));
  const issues = specIssues(spec);
  const nameTaken =
    nameIssue(
      spec.name,
      taken.map((task) => task.spec.name),
    ) ?? issues.get('name');
  const labelled = found.value !== null && 'examples' in found.value ? found.value : null;
  const ready = labelled !== null && nameTaken === undefined && issues.size === 0;
  const field = (key: keyof TaskSpec): { id: string; 'aria-invalid': boolean; 'aria-describedby': string } => ({
    id: `${id}-${key}`,
    'aria-invalid': key === 'name' ? nameTaken !== undefined : issues.has(key),
    'aria-describedby': `${id}-${key}-help`,
  });
  const help = (key: keyof TaskSpec, text: string) => {
    const issue = key === 'name' ? nameTaken : issues.get(key);
    return (
      <p id={`${id}-${key}-help`} className={issue === undefined ? fieldStyles.help : fieldStyles.issue}>
        {issue ?? text}
      </p>
    );
  };
  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby={`${id}-title`}
      data-testid="import-dialog"
      onClose={() => tasks.closeFile()}
    >
      <form
        method="dialog"
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) void tasks.addTask(spec);
        }}
      >
        <h2 id={`${id}-title`} className={styles.title}>
          A task from <bdi>{visibleText(file.name, 60)}</bdi>
        </h2>
        <div className={styles.columns}>
          {table !== null && (
            <>
              <ColumnField
                label="Text"
                value={textColumn}
                table={table}
                onChange={(textColumn) => change({ textColumn })}
              />
              <ColumnField
                label="Label"
                value={labelColumn}
                table={table}
                onChange={(labelColumn) => change({ labelColumn })}
              />
            </>
          )}
          {file.columns === null && (
            <label className={fieldStyles.radio}>
              <input
                type="checkbox"
                checked={spec.header}
                onChange={({ target }) =>
                  setSpec(
                    guessedSpec(
                      file,
                      taken.map((task) => task.spec.name),
                      target.checked,
                    ),
                  )
                }
              />
              The first row names the columns
            </label>
          )}
        </div>
        {table !== null && <Preview table={table} textColumn={textColumn} labelColumn={labelColumn} />}
        {found.error !== null && <ErrorNote error={found.error} title="These columns make no task" />}
        {labelled !== null && <LabelCounts labelled={labelled} warnings={table?.warnings ?? []} />}
        <div className={styles.fields}>
          <label htmlFor={`${id}-name`}>Name</label>
          <input
            {...field('name')}
            className={fieldStyles.input}
            value={spec.name}
            onChange={({ target }) => change({ name: target.value })}
          />
          {help('name', 'Stands in the prompt, as the names of data sets do.')}
          <label htmlFor={`${id}-kind`}>Kind</label>
          <input
            {...field('kind')}
            className={fieldStyles.input}
            list={`${id}-kinds`}
            value={spec.kind}
            onChange={({ target: { value } }) =>
              change(Object.hasOwn(KINDS, value) ? { kind: value, instruction: KINDS[value] ?? null } : { kind: value })
            }
          />
          <datalist id={`${id}-kinds`}>
            {Object.keys(KINDS).map((kind) => (
              <option key={kind} value={kind} />
            ))}
          </datalist>
          {help(
            'kind',
            'One of CL_Benchmark (SC sentiment, TC topic, NLI, …) or your own word; scores are grouped by it.',
          )}
          <label htmlFor={`${id}-instruction`}>Question</label>
          <input
            {...field('instruction')}
            className={fieldStyles.input}
            value={spec.instruction ?? ''}
            onChange={({ target: { value } }) => change({ instruction: value === '' ? null : value })}
          />
          {help('instruction', 'Stands in the prompt before the labels. Empty: the prompt names neither.')}
          <label htmlFor={`${id}-testShare`}>Tested share</label>
          <input
            {...field('testShare')}
            className={`${fieldStyles.input} ${fieldStyles.number}`}
            type="number"
            step="any"
            value={Number.isNaN(spec.testShare) ? '' : spec.testShare}
            onChange={({ target }) => change({ testShare: target.valueAsNumber })}
          />
          {help('testShare', 'Of each label, drawn at random and never trained on; equal texts stay together.')}
          <label htmlFor={`${id}-seed`}>Seed of the split</label>
          <input
            {...field('seed')}
            className={`${fieldStyles.input} ${fieldStyles.number}`}
            type="number"
            step="1"
            value={Number.isNaN(spec.seed) ? '' : spec.seed}
            onChange={({ target }) => change({ seed: target.valueAsNumber })}
          />
          {help('seed', 'Same file and seed, same split.')}
        </div>
        {problem !== null && <ErrorNote error={problem} title="The task was not added" />}
        <div className={styles.buttons}>
          <button type="button" className={styles.button} onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className={`${styles.button} ${styles.primary}`} disabled={!ready}>
            Add task
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface ColumnFieldProps {
  label: string;
  value: string;
  table: Table;
  onChange: (column: string) => void;
}

function ColumnField({ label, value, table, onChange }: ColumnFieldProps) {
  const id = useId();
  return (
    <div className={styles.column}>
      <label htmlFor={id}>{label}</label>
      <select id={id} className={fieldStyles.select} value={value} onChange={({ target }) => onChange(target.value)}>
        {table.columns.map((column) => (
          <option key={column} value={column}>
            {visibleText(column, 60)}
          </option>
        ))}
      </select>
    </div>
  );
}

function Preview({ table, textColumn, labelColumn }: { table: Table; textColumn: string; labelColumn: string }) {
  const role = (column: string): string | undefined =>
    column === textColumn ? 'text' : column === labelColumn ? 'label' : undefined;
  return (
    <div className={styles.scroll} tabIndex={0} role="region" aria-label="The first rows of the file">
      <table className={styles.table} data-testid="import-preview">
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th key={column} scope="col" data-role={role(column)}>
                <bdi>{visibleText(column, 60)}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.slice(0, PREVIEW_ROWS).map((row, i) => (
            <tr key={i}>
              {row.map((cell, column) => (
                <td key={column} data-role={role(table.columns[column] ?? '')}>
                  <bdi>{visibleText(cell, PREVIEW_CHARACTERS)}</bdi>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function LabelCounts({ labelled, warnings }: { labelled: Labelled; warnings: readonly string[] }) {
  const { labels, examples } = labelled;
  const more = labels.length - MOST_SHOWN_LABELS;
  return (
    <div className={styles.found}>
      <p>
        {examples.length} examples, {labels.length} labels
      </p>
      <ul className={styles.labels} aria-label="Labels" data-testid="import-labels">
        {labels.slice(0, MOST_SHOWN_LABELS).map(({ label, rows }) => (
          <li key={label}>
            <bdi>{visibleText(label, 40)}</bdi> <span className={styles.count}>{rows}</span>
          </li>
        ))}
        {more > 0 && <li>and {more} more</li>}
      </ul>
      {[...warnings, ...labelled.warnings].map((warning) => (
        <p key={warning} className={styles.warning}>
          {warning}
        </p>
      ))}
    </div>
  );
}

type Attempt<T> = { value: T; error: null } | { value: null; error: ErrorReport };

function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { value: work(), error: null };
  } catch (error) {
    return { value: null, error: reportOf(error) };
  }
}

function specIssues(spec: TaskSpec): ReadonlyMap<string, string> {
  const issues = v.safeParse(TaskSpecSchema, spec).issues ?? [];
  return new Map(issues.map((issue) => [v.getDotPath(issue) ?? '', issue.message]));
}
