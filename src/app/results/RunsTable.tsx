import { Fragment, useState } from 'react';
import { moment } from '../format.ts';
import { runKey, type RunSummary } from '../history.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { methodTitle } from '../../methods/registry.ts';
import { isActive } from '../run-state.ts';
import { calledRun, columnText, readColumns, RUN_COLUMNS, type RunColumn, saveColumns } from './run-columns.ts';
import { RunDetails } from './RunDetails.tsx';
import table from '../ui/table.module.css';
import styles from './RunsTable.module.css';

/** The runs in this browser, newest first: a line each, with more to unfold. */
export function RunsTable({ runs, current }: { runs: readonly RunSummary[]; current: string | null }) {
  const [columns, setColumns] = useState(readColumns);
  const choose = (column: RunColumn, isShown: boolean): void => {
    const next = RUN_COLUMNS.filter((one) => (one === column ? isShown : columns.includes(one)));
    setColumns(next);
    saveColumns(next);
  };
  return (
    <>
      <div className={table.scroll}>
        <table className={`${table.table} ${styles.runs}`}>
          <caption className="hidden-visually">Runs in this browser, newest first</caption>
          <thead>
            <tr>
              <td />
              <th scope="col">Run</th>
              {columns.map((column) => (
                <th
                  key={column}
                  scope="col"
                  className={table.number}
                  title={column === 'General text' ? 'Change of its loss in nats a token; less is better' : undefined}
                >
                  {column === 'AP' || column === 'Just learned' ? `${column} %` : column}
                </th>
              ))}
              <td />
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Row key={runKey(run)} run={run} isCurrent={runKey(run) === current} columns={columns} />
            ))}
          </tbody>
        </table>
      </div>
      <details className={styles.columns}>
        <summary>Columns</summary>
        <div className={styles.choices}>
          {RUN_COLUMNS.map((column) => (
            <label key={column}>
              <input
                type="checkbox"
                checked={columns.includes(column)}
                onChange={({ target }) => choose(column, target.checked)}
              />{' '}
              {column}
            </label>
          ))}
        </div>
      </details>
    </>
  );
}

interface RowProps {
  run: RunSummary;
  isCurrent: boolean;
  columns: readonly RunColumn[];
}

function Row({ run, isCurrent, columns }: RowProps) {
  const { compare, openRun } = usePage();
  const key = runKey(run);
  const isTicked = usePageState((state) => state.compare.ticked.includes(key));
  const score = usePageState(({ view }) => view.score);
  const active = usePageState(({ run: shown }) => isActive(shown.status));
  const [isUnfolded, setIsUnfolded] = useState(false);
  const { name, settings, status, startedAt } = run;
  const { method, order, training } = settings;
  const isWhole = run.resultsBytes !== null;
  const which = calledRun(run);
  const tasks = order.length > 5 ? `${order.length} tasks` : order.join(', ');
  return (
    <Fragment>
      <tr data-current={isCurrent}>
        <td className={styles.tick}>
          <input
            type="checkbox"
            aria-label={`Compare ${which}`}
            data-testid="tick-run"
            checked={isTicked}
            disabled={!isWhole}
            onChange={({ target }) => void compare.tick(key, target.checked)}
          />
        </td>
        <th scope="row">
          {name ?? methodTitle(method)}
          {status !== 'finished' && <span className={styles.tag}>{status}</span>}
          {run.file !== undefined && <span className={styles.tag}>added file</span>}
          <span className={table.second}>
            {[isCurrent && 'shown', name !== undefined && methodTitle(method), moment(startedAt)]
              .filter(Boolean)
              .join(', ')}
          </span>
          <span className={table.second}>
            {tasks}; seed {training.seed}
          </span>
        </th>
        {columns.map((column) => (
          <td key={column} className={table.number}>
            {columnText(column, run, score)}
          </td>
        ))}
        <td className={table.acts}>
          <button
            type="button"
            className={table.act}
            disabled={active || !isWhole}
            title={isWhole ? undefined : 'Only the summary of this run is stored.'}
            aria-label={`Open ${which}`}
            onClick={() => void openRun(key)}
          >
            Open
          </button>
          <button
            type="button"
            className={table.act}
            aria-expanded={isUnfolded}
            aria-label={`${isUnfolded ? 'Less' : 'More'} of ${which}`}
            data-testid="unfold-run"
            onClick={() => setIsUnfolded(!isUnfolded)}
          >
            {isUnfolded ? 'Less' : 'More'}
          </button>
        </td>
      </tr>
      {isUnfolded && (
        <tr className={styles.unfolded}>
          <td />
          <td colSpan={columns.length + 2}>
            <RunDetails run={run} />
          </td>
        </tr>
      )}
    </Fragment>
  );
}
