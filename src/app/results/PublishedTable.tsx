import { NONE } from '../format.ts';
import { PUBLISHED } from '../published.ts';
import { Section } from '../ui/Section.tsx';
import table from '../ui/table.module.css';
import styles from './ResultsTab.module.css';

const fixed = (value: number | null): string => (value === null ? NONE : value.toFixed(1).replace('-', '\u2212'));

/** The published averages of docs/method.md, section 6. */
export function PublishedTable() {
  return (
    <Section
      title="Published averages"
      note="AP in percent, means over task orders, on 4 or 15 datasets of CL_Benchmark. Compare them only with runs of these models on these tasks: the embedded models are hundreds of times smaller."
    >
      <div className={table.scroll} tabIndex={0} role="region" aria-label="Table of published averages">
        <table className={`${table.table} ${styles.published}`} data-testid="published">
          <caption className="hidden-visually">Published averages</caption>
          <thead>
            <tr>
              <th scope="col">Method</th>
              <th scope="col" className={table.number}>
                T5-large, orders 1–3
              </th>
              <th scope="col" className={table.number}>
                T5-large, orders 4–6
              </th>
              <th scope="col" className={table.number}>
                LLaMA2-7B, orders 1–3
              </th>
              <th scope="col" className={table.number}>
                BWT, LLaMA2-7B
              </th>
            </tr>
          </thead>
          <tbody>
            {PUBLISHED.map((row) => (
              <tr key={row.method}>
                <th scope="row">{row.method}</th>
                <td className={table.number}>{fixed(row.t5Short)}</td>
                <td className={table.number}>{fixed(row.t5Long)}</td>
                <td className={table.number}>{fixed(row.llama)}</td>
                <td className={table.number}>{fixed(row.llamaBackwardTransfer)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={styles.source}>
        Wang, Lyu, Sun and Jing: Continual Gradient Low-Rank Projection Fine-Tuning for LLMs, ACL 2025.
      </p>
    </Section>
  );
}
