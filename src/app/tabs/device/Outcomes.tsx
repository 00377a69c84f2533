import { markdownBlocks } from '../../../base/markdown.ts';
import type { BenchReport, Outcome } from '../../../bench/report.ts';
import { ErrorText } from '../../ui/errors.tsx';
import { duration } from '../../ui/format.ts';
import styles from './device.module.css';

/** Names of the parts that were not run, by reason. */
function reasonsOf(parts: readonly Outcome[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const part of parts) {
    if (part.status !== 'not run') continue;
    const reason = part.reason.replaceAll('`', '');
    found.set(reason, [...(found.get(reason) ?? []), part.name]);
  }
  return found;
}

/** How each part ended; parts that were not run are named at the end with the reason. */
export function Outcomes({ report: { parts } }: { report: BenchReport }) {
  return (
    <>
      <ol className={styles.outcomes}>
        {parts.map((outcome) =>
          outcome.status === 'not run' ? null : (
            <li key={outcome.name} data-testid="outcome" data-status={outcome.status}>
              {outcome.status === 'measured' ? (
                <Measured outcome={outcome} />
              ) : (
                <div role="alert" className="notice bad">
                  <ErrorText error={outcome.error} title={`Failed: ${outcome.name}`} />
                </div>
              )}
            </li>
          ),
        )}
      </ol>
      {[...reasonsOf(parts)].map(([reason, names]) => (
        <details key={reason} className="small" data-testid="not-run">
          <summary>
            <span className={styles.name}>Not run: {names.length === 1 ? names[0] : `${names.length} parts`}</span>{' '}
            <span>{reason}</span>
          </summary>
          <ul className="bullets muted">
            {names.map((name) => (
              <li key={name}>{name}</li>
            ))}
          </ul>
        </details>
      ))}
    </>
  );
}

function Measured({ outcome }: { outcome: Extract<Outcome, { status: 'measured' }> }) {
  const { name, headline, text, seconds } = outcome;
  return (
    <details className="small">
      <summary>
        <span className={styles.name}>{name}</span> <span>{headline}</span>
      </summary>
      {markdownBlocks(text).map((block, i) =>
        block.kind === 'paragraph' ? (
          <p key={i} className="about">
            {block.text}
          </p>
        ) : (
          <div key={i} className="scroll box spaced" tabIndex={0} role="region" aria-label={name}>
            <table className="table numbers">
              <thead>
                <tr>
                  {block.head.map((cell, column) => (
                    <th key={column} scope="col">
                      {cell}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {block.rows.map(([head, ...cells], row) => (
                  <tr key={row}>
                    <th scope="row">{head}</th>
                    {cells.map((cell, column) => (
                      <td key={column}>{cell.replaceAll('**', '')}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ),
      )}
      <p className="about">Took {duration(seconds)}.</p>
    </details>
  );
}
