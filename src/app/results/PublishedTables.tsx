import { NONE } from '../format.ts';
import { PUBLISHED, type PublishedAverages } from '../published.ts';
import { Section } from '../ui/Section.tsx';
import table from '../ui/table.module.css';
import styles from './ResultsTab.module.css';

const fixed = (value: number | null): string => (value === null ? NONE : value.toFixed(1).replace('-', '\u2212'));

/** The published averages of docs/method.md, section 6. */
export function PublishedTables() {
  return (
    <Section
      title="Published averages"
      note="Means over task orders. Compare them only with runs of these models on these tasks: the embedded models are far smaller."
    >
      {PUBLISHED.map((averages) => (
        <AveragesTable key={averages.name} {...averages} />
      ))}
    </Section>
  );
}

function AveragesTable({ name, about, columns, rows, source }: PublishedAverages) {
  return (
    <div className={styles.averages}>
      <p className={styles.about}>
        {name}: {about}
      </p>
      <div className={table.scroll} tabIndex={0} role="region" aria-label={`Table of published averages, ${name}`}>
        <table className={`${table.table} ${styles.published}`} data-testid="published">
          <caption className="hidden-visually">Published averages, {name}</caption>
          <thead>
            <tr>
              <th scope="col">Method</th>
              {columns.map((column, i) => (
                <th key={i} scope="col" className={table.number}>
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([method, ...values]) => (
              <tr key={method}>
                <th scope="row">{method}</th>
                {values.map((value, i) => (
                  <td key={i} className={table.number}>
                    {fixed(value)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={styles.source}>{source}</p>
    </div>
  );
}
