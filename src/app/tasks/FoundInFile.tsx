import type { TablePreview } from '../../tasks/table-preview.ts';
import styles from './ImportDialog.module.css';
import { visibleText } from './visible.ts';

const MAX_SHOWN_LABELS = 20;
const SAMPLE_CHARACTERS = 300;

interface FoundProps {
  found: NonNullable<TablePreview['found']>;
  format: string | null;
  warnings: readonly string[];
}

/** What the chosen columns hold: label counts, or the first texts with their answers. */
export function FoundInFile({ found: { examples, labels, longest, samples }, format, warnings }: FoundProps) {
  const more = labels.length - MAX_SHOWN_LABELS;
  return (
    <div className={styles.found}>
      <p>
        {format !== null && `Format: ${format}. `}
        {examples} examples, {labels.length > 0 ? `${labels.length} labels` : `answers of up to ${longest} characters`}
      </p>
      {labels.length > 0 && (
        <ul className={styles.labels} aria-label="Labels" data-testid="import-labels">
          {labels.slice(0, MAX_SHOWN_LABELS).map(({ label, rows }) => (
            <li key={label}>
              <bdi>{visibleText(label, 40)}</bdi> <span className={styles.count}>{rows}</span>
            </li>
          ))}
          {more > 0 && <li>and {more} more</li>}
        </ul>
      )}
      {labels.length === 0 && (
        <dl className={styles.samples} data-testid="import-samples">
          {samples.map(({ text, answer }, i) => (
            <div key={i}>
              {text !== '' && (
                <dt>
                  <bdi>{visibleText(text, SAMPLE_CHARACTERS)}</bdi>
                </dt>
              )}
              <dd>
                <bdi>{visibleText(answer, SAMPLE_CHARACTERS)}</bdi>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {warnings.map((warning) => (
        <p key={warning} className={styles.warning}>
          {warning}
        </p>
      ))}
    </div>
  );
}
