import type { ReactNode } from 'react';
import type { Piece } from '../../text/changed-words.ts';
import styles from './shared.module.css';

/** Texts longer than this get a box that scrolls. */
const LONG = 400;

/** A text with the words that differ marked: those too many, or those `missing` from an answer. */
export function MarkedText({ pieces, kind }: { pieces: readonly Piece[]; kind: 'extra' | 'missing' }) {
  return (
    <span data-kind={kind} className={styles.marked}>
      {pieces.map(({ text, differs }, i) => (differs ? <mark key={i}>{text}</mark> : text))}
    </span>
  );
}

/** A text of any length. */
export function LongText({ children, length, label }: { children: ReactNode; length: number; label: string }) {
  if (length <= LONG) return children;
  return (
    <div className={`scroll ${styles.long}`} tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}
