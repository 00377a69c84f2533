import { Fragment, type ReactNode, useId, useState } from 'react';
import { type TermName, TERMS } from './terms.tsx';
import styles from './ui.module.css';

const PAPER = 'https://arxiv.org/abs/2507.02503';

/** A word of the glossary within a text: a button that opens its explanation beside it. */
function Term({ of, children }: { of: TermName; children: ReactNode }) {
  const id = useId();
  const [isOpen, setIsOpen] = useState(false);
  const { title, about, drawing, docs } = TERMS[of];
  return (
    <>
      <button type="button" className={`bare ${styles.term}`} popoverTarget={id} data-term={of}>
        {children}
      </button>
      <span
        id={id}
        className={styles.explained}
        popover="auto"
        role="dialog"
        aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-about`}
        tabIndex={-1}
        // The content exists only while it is shown: a text that is read or copied holds the word alone.
        onBeforeToggle={({ newState }) => newState === 'open' && setIsOpen(true)}
        onToggle={({ newState, currentTarget }) => {
          if (newState === 'open') currentTarget.focus();
          else setIsOpen(false);
        }}
      >
        {isOpen && (
          <>
            <svg viewBox="0 0 160 56" width={160} height={56} className={styles.drawing} aria-hidden="true">
              {drawing}
            </svg>
            <strong id={`${id}-title`}>{title}</strong>
            <span id={`${id}-about`}>{about}</span>
            <span className="muted">
              More in{' '}
              <a href={`./method.html#${docs}`} target="_blank" rel="noreferrer">
                {docs.startsWith('eq-') ? `equation (${docs.slice(3)})` : `section ${docs[0]}`} of the method
              </a>
              , and in{' '}
              <a href={PAPER} target="_blank" rel="noreferrer">
                the paper
              </a>
              .
            </span>
          </>
        )}
      </span>
    </>
  );
}

/**
 * A text in which the first occurrence of each of these terms, also as a plural or with a capital letter, opens its
 * explanation.
 */
export function withTerms(text: string, ...names: readonly TermName[]): ReactNode {
  const found = names
    .flatMap((name) => {
      const match = new RegExp(`(?<![\\w-])${name}s?(?![\\w-])`, /^[A-Z]/.test(name) ? '' : 'i').exec(text);
      return match === null ? [] : [{ name, from: match.index, to: match.index + match[0].length }];
    })
    .toSorted((a, b) => a.from - b.from);
  return (
    <>
      {found.map(({ name, from, to }, i) => (
        <Fragment key={name}>
          {text.slice(found[i - 1]?.to ?? 0, from)}
          <Term of={name}>{text.slice(from, to)}</Term>
        </Fragment>
      ))}
      {text.slice(found.at(-1)?.to ?? 0)}
    </>
  );
}
