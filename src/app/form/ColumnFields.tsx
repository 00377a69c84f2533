import { type ReactNode, useId } from 'react';
import { doubtText, type LabelDoubt, withRelabelled } from '../../tasks/doubtful-labels.ts';
import type { Columns, Relabelled, TaskForm } from '../../tasks/forms.ts';
import type { TablePreview } from '../../tasks/table-preview.ts';
import { Act } from '../ui/controls.tsx';
import { visibleText } from '../../base/visible.ts';
import styles from './form.module.css';

const MAX_SHOWN_LABELS = 20;
const SAMPLE_CHARACTERS = 300;
const MAX_DOUBTS = 8;

interface FoundProps {
  found: NonNullable<TablePreview['found']>;
  format: string | null;
  warnings: readonly string[];
}

/** Shows the content of the chosen columns: label counts, or the first texts with their answers. */
export function FoundInFile({ found: { examples, tests, labels, longest, samples }, format, warnings }: FoundProps) {
  const more = labels.length - MAX_SHOWN_LABELS;
  return (
    <div className="stack small">
      <p>
        {format !== null && `Format: ${format}. `}
        {examples} examples, {tests} of them to test with the usual split;{' '}
        {labels.length > 0 ? `${labels.length} labels` : `answers of up to ${longest} characters`}
      </p>
      {labels.length > 0 && (
        <ul className={`buttons ${styles.labels}`} aria-label="Labels" data-testid="import-labels">
          {labels.slice(0, MAX_SHOWN_LABELS).map(({ label, rows }) => (
            <li key={label}>
              <bdi>{visibleText(label, 40)}</bdi> <span className="muted">{rows}</span>
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
        <p key={warning} className="notice warn small">
          {warning}
        </p>
      ))}
    </div>
  );
}

interface DoubtsProps {
  doubts: readonly LabelDoubt[];
  relabel: readonly Relabelled[];
  onChange: (relabel: Relabelled[]) => void;
}

/** Asks about labels that may be slips or have too few texts, and shows what was decided. */
export function LabelDoubts({ doubts, relabel, onChange }: DoubtsProps) {
  if (doubts.length + relabel.length === 0) return null;
  const more = doubts.length - MAX_DOUBTS;
  const change = (one: Relabelled): void => onChange(withRelabelled(relabel, one));
  return (
    <ul className="stack small" aria-label="Labels to check" data-testid="import-doubts">
      {doubts.slice(0, MAX_DOUBTS).map((doubt) => {
        const { label, like } = doubt;
        return (
          <li key={label} className="buttons">
            <span>{visibleText(doubtText(doubt), 160)}</span>
            {like !== null && (
              <button type="button" className="act" onClick={() => change({ from: label, to: like })}>
                Merge into {visibleText(like, 40)}
              </button>
            )}
            <Act label={`Leave out ${visibleText(label, 40)}`} onClick={() => change({ from: label, to: null })}>
              Leave out
            </Act>
          </li>
        );
      })}
      {more > 0 && <li>and {more} more</li>}
      {relabel.map(({ from, to }) => (
        <li key={`changed ${from}`} className="buttons">
          <span>
            {to === null
              ? `${visibleText(from, 40)} is left out.`
              : `${visibleText(from, 40)} is read as ${visibleText(to, 40)}.`}
          </span>
          <Act
            label={`Undo ${visibleText(from, 40)}`}
            onClick={() => onChange(relabel.filter((one) => one.from !== from))}
          >
            Undo
          </Act>
        </li>
      ))}
    </ul>
  );
}

/** The forms of answers, and what their column of texts holds. */
const FORMS: Readonly<Record<TaskForm, { name: string; holds: string }>> = {
  labels: { name: 'Labels', holds: 'Text' },
  free: { name: 'Free text', holds: 'Text' },
  chat: { name: 'Conversations', holds: 'Conversation' },
  text: { name: 'Plain text', holds: 'Text' },
};
const NONE = '';

interface Props {
  value: Columns;
  columns: readonly string[];
  onChange: (columns: Columns) => void;
}

/** Chooses the form of the answers, and the columns that hold them. */
export function ColumnFields({ value, columns, onChange }: Props) {
  const { form, textColumn, inputColumn, labelColumn } = value;
  const isAnswered = form === 'labels' || form === 'free';
  const reform = (next: TaskForm): void => {
    const other = columns.find((column) => column !== textColumn) ?? textColumn;
    const answered = next === 'labels' || next === 'free';
    onChange({
      form: next,
      textColumn,
      inputColumn: answered ? inputColumn : null,
      labelColumn: answered ? labelColumn || other : '',
    });
  };
  const options = columns.map((column) => (
    <option key={column} value={column}>
      {visibleText(column, 60)}
    </option>
  ));
  return (
    <>
      <Choice label="Answers" value={form} onChange={(next) => reform(next as TaskForm)}>
        {Object.entries(FORMS).map(([one, { name }]) => (
          <option key={one} value={one}>
            {name}
          </option>
        ))}
      </Choice>
      <Choice
        label={FORMS[form].holds}
        value={textColumn}
        onChange={(column) => onChange({ ...value, textColumn: column })}
      >
        {options}
      </Choice>
      {isAnswered && columns.length > 2 && (
        <Choice
          label="Second text"
          value={inputColumn ?? NONE}
          onChange={(column) => onChange({ ...value, inputColumn: column === NONE ? null : column })}
        >
          <option value={NONE}>none</option>
          {options}
        </Choice>
      )}
      {isAnswered && (
        <Choice
          label={form === 'labels' ? 'Label' : 'Answer'}
          value={labelColumn}
          onChange={(column) => onChange({ ...value, labelColumn: column })}
        >
          {options}
        </Choice>
      )}
    </>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  children: ReactNode;
}

function Choice({ label, value, onChange, children }: ChoiceProps) {
  const id = useId();
  return (
    <div className={styles.column}>
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={({ target }) => onChange(target.value)}>
        {children}
      </select>
    </div>
  );
}
