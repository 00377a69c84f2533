import styles from './ui.module.css';
import { type ComponentType, type ReactNode, lazy, useId } from 'react';
import type { ErrorReport } from '../../base/errors.ts';
import type { ReadToken } from '../../tasks/reading.ts';

interface SectionProps {
  title: string;
  /** How to read the section, in one line. */
  note?: ReactNode;
  /** Controls at the end of the title line. */
  tools?: ReactNode;
  testId?: string;
  /** 3 for a section within a section. */
  level?: 2 | 3;
  children: ReactNode;
}

/** A titled part of a view. */
export function Section({ title, note, tools, testId, level = 2, children }: SectionProps) {
  const id = useId();
  const Heading = level === 2 ? 'h2' : 'h3';
  return (
    <section aria-labelledby={id} className={styles.section} data-testid={testId}>
      <div className={styles.head}>
        <Heading id={id} className={styles.title}>
          {title}
        </Heading>
        {tools !== undefined && <div className={styles.tools}>{tools}</div>}
      </div>
      {note !== undefined && <p className={styles.note}>{note}</p>}
      {children}
    </section>
  );
}

interface FactProps {
  name: string;
  value: string;
  note?: string;
  title?: string | undefined;
  /** Whether the note says that something is wrong. */
  warn?: boolean;
}

/** A value with its name, in a list of facts. */
export function Fact({ name, value, note = '', title, warn = false }: FactProps) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>
        {value}
        {note !== '' && <span className={`small ${warn ? 'bad' : 'muted'}`}> {note}</span>}
      </dd>
    </div>
  );
}

/** Texts above this length may be cut in a table of numbers, which shows them whole on hover. */
const LONG = 24;

interface PlainTableProps {
  /** The table's name, for screen readers. */
  label: string;
  head: readonly ReactNode[];
  /** The first cell of each is its head. */
  rows: readonly (readonly ReactNode[])[];
  /** Of the table; by default `numbers`, with short cells of one line. */
  className?: string;
  /** Of the box that scrolls it. */
  box?: string;
  testId?: string;
}

/** A table to read, which scrolls by itself. */
export function PlainTable({ label, head, rows, className = 'numbers', box = '', testId }: PlainTableProps) {
  const whole = (cell: ReactNode): string | undefined =>
    className === 'numbers' && typeof cell === 'string' && cell.length > LONG ? cell : undefined;
  return (
    <div className={`scroll ${box}`} tabIndex={0} role="region" aria-label={label}>
      <table className={`table ${className}`} data-testid={testId}>
        <caption className="hidden-visually">{label}</caption>
        <thead>
          <tr>
            {head.map((cell, column) => (
              <th key={column} scope="col" title={whole(cell)}>
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells], row) => (
            <tr key={row}>
              <th scope="row" title={whole(name)}>
                {name}
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
  );
}

/** An error as the page shows it everywhere: what happened, what to do, and its stable code. */
export function ErrorText({ error, title }: { error: ErrorReport; title?: string }) {
  return (
    <>
      <p>
        {title !== undefined && <strong>{title}. </strong>}
        {error.message}
      </p>
      <p>
        <strong>What to do: </strong>
        {error.nextStep}
      </p>
      <p>
        <code className="muted tiny">{error.code}</code>
      </p>
    </>
  );
}

/** An error in one paragraph, next to its subject. @param isNew whether screen readers announce it at once. */
export function ErrorLine({ error, isNew, testId }: { error: ErrorReport; isNew: boolean; testId?: string }) {
  return (
    <p className="about bad wrap" role={isNew ? 'alert' : undefined} data-testid={testId}>
      {error.message} {error.nextStep} <code>{error.code}</code>
    </p>
  );
}

/** Shows an error and what to do, next to the action that failed. */
export function ErrorNote({ error, title }: { error: ErrorReport; title: string }) {
  return (
    <div role="alert" className="notice bad small" data-testid="task-problem">
      <ErrorText error={error} title={title} />
    </div>
  );
}

interface ProgressBarProps {
  label: string;
  /** Between 0 and 1. */
  share: number;
  /** The words of a screen reader in place of the percentage. */
  text?: string;
  isThin?: boolean;
}

/** A bar that is filled up to a share. */
export function ProgressBar({ label, share, text, isThin = false }: ProgressBarProps) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(100 * share)}
      aria-valuetext={text}
    >
      <Filled share={share} isThin={isThin} />
    </div>
  );
}

/** The drawing of a share between 0 and 1, for what says it in words as well. */
export function Filled({ share, isThin = false }: { share: number; isThin?: boolean }) {
  return (
    <span className={styles.groove} data-thin={isThin}>
      <span className={styles.fill} style={{ width: `${100 * share}%` }} />
    </span>
  );
}

interface ReadExampleProps {
  task: string;
  tokens: readonly ReadToken[];
}

/** How many tokens an example has, and how many of them count in the loss. */
export function countsOf({ task, tokens }: ReadExampleProps): string {
  const label = tokens.filter(({ isLabel }) => isLabel).length;
  return `An example of ${task}: ${tokens.length} tokens. Only the marked label, ${label} of them, counts in the loss.`;
}

/** An example exactly as the model reads it, with the label's tokens marked. */
export function ReadExample({ task, tokens }: ReadExampleProps) {
  return (
    <pre className={styles.read} tabIndex={0} aria-label={`An example of ${task}`}>
      {tokens.map(({ text, isLabel }, i) => (isLabel ? <mark key={i}>{text}</mark> : <span key={i}>{text}</span>))}
    </pre>
  );
}

/**
 * A part of the page that loads when it is first shown. If loading fails, for instance because the server is gone, a
 * message takes its place; the rest of the page, with the results of a run, stays.
 */
export const lazyPart = <Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>) =>
  lazy(() => load().catch((): { default: ComponentType<Props> } => ({ default: Missing })));

function Missing() {
  return (
    <p role="alert" data-testid="part-missing">
      This part of the page could not be loaded. Check that the page’s server is running, download any results you need,
      then reload the page.
    </p>
  );
}
