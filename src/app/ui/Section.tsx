import { type ReactNode, useId } from 'react';
import styles from './ui.module.css';

interface Props {
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
export function Section({ title, note, tools, testId, level = 2, children }: Props) {
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
