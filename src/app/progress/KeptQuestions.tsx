import { keptQuestions, keptSentence } from '../../run/results/common-questions-kept.ts';
import type { Results } from '../../run/results/results.ts';
import table from '../ui/table.module.css';
import styles from './WhatHappened.module.css';

/** How many questions of common knowledge the model still answers, and those that it lost, with both answers. */
export function KeptQuestions({ results }: { results: Results }) {
  const last = keptQuestions(results).at(-1);
  if (last === undefined) return null;
  const { lost } = last;
  return (
    <div className={styles.before} data-testid="kept-questions">
      <p>{keptSentence(last)}</p>
      {lost.length > 0 && (
        <details>
          <summary>{lost.length === 1 ? 'The one that it lost' : `The ${lost.length} that it lost`}</summary>
          <div className={table.scroll} tabIndex={0} role="region" aria-label="Questions that it lost">
            <table className={table.table}>
              <caption className="hidden-visually">
                Questions that the model answered rightly before and not now
              </caption>
              <thead>
                <tr>
                  <th scope="col">question</th>
                  <th scope="col">before training</th>
                  <th scope="col">now</th>
                </tr>
              </thead>
              <tbody>
                {lost.map(({ question, before, after }) => (
                  <tr key={question}>
                    <th scope="row">{question}</th>
                    <td>{before}</td>
                    <td>{after}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </div>
  );
}
