import { type ReactNode, useId, useState } from 'react';
import { type ErrorReport, reportOf } from '../../base/errors.ts';
import { ErrorLine } from './errors.tsx';
import styles from './ui.module.css';

interface Props<Of> {
  label: string;
  testId: string;
  /** What the link holds; a link that was made of something else is no longer shown. */
  of: Of;
  /** Returns null if there is no link and the page says why elsewhere. */
  link: (of: Of) => string | null | Promise<string | null>;
  /** What to say of a link beside it. */
  note?: (link: string) => ReactNode;
  /** Beside the button. */
  children?: ReactNode;
}

/** A button that copies a link, and the link itself once it has been made. */
export function CopyLink<Of>({ label, testId, of, link: make, note, children }: Props<Of>) {
  const [made, setMade] = useState<{ link: string; of: Of; isCopied: boolean } | null>(null);
  const [problem, setProblem] = useState<ErrorReport | null>(null);
  const id = useId();
  const shown = made?.of === of ? made : null;
  const copy = async (): Promise<void> => {
    setProblem(null);
    try {
      const link = await make(of);
      if (link === null) return;
      // Browsers refuse if the page lacks focus or is not secure; the user can then copy the link by hand.
      const isCopied = await (navigator.clipboard as Clipboard | undefined)?.writeText(link).then(
        () => true,
        () => false,
      );
      setMade({ link, of, isCopied: isCopied === true });
    } catch (error) {
      setProblem(reportOf(error));
    }
  };
  return (
    <>
      <div className="buttons">
        <button type="button" data-testid={testId} onClick={() => void copy()}>
          {label}
        </button>
        {children}
      </div>
      <div role="status" className="help">
        {shown !== null && (
          <>
            <label htmlFor={id}>{shown.isCopied ? 'Copied:' : 'Copy this:'}</label>
            <input
              id={id}
              className={styles.address}
              data-testid="link"
              readOnly
              value={shown.link}
              onFocus={({ target }) => target.select()}
            />
            {note?.(shown.link)}
          </>
        )}
      </div>
      {problem !== null && <ErrorLine error={problem} isNew />}
    </>
  );
}
