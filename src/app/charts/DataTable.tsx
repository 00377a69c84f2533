import { useState } from 'react';
import { type Savable, SaveTools } from './save.tsx';
import styles from './charts.module.css';

interface Props {
  /** The kind of rows, for the summary line and for screen readers. */
  caption: string;
  columns: readonly string[];
  /** Makes the rows when the table is opened, not on every event. */
  rows: () => readonly (readonly string[])[];
  /** The chart and its numbers as files. */
  save: Savable;
}

/** What a cell may be too narrow for. */
const whole = (text: string): string | undefined => (text.length > 24 ? text : undefined);

/** The numbers of a chart in a collapsed table, and buttons to save both. The first column is the row header. */
export function DataTable({ caption, columns, rows, save }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <div className={styles.foot}>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary className={styles.summary}>{caption} as a table</summary>
        {open && (
          <div className="scroll box tall" tabIndex={0} role="region" aria-label={caption}>
            <table className="table numbers">
              <caption className="hidden-visually">{caption}</caption>
              <thead>
                <tr>
                  {columns.map((column) => (
                    <th key={column} scope="col" title={whole(column)}>
                      {column}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows().map(([head, ...cells], index) => (
                  <tr key={index}>
                    <th scope="row" title={whole(head)}>
                      {head}
                    </th>
                    {cells.map((cell, column) => (
                      <td key={column} title={whole(cell)}>
                        {cell}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </details>
      <SaveTools {...save} title={caption} />
    </div>
  );
}
