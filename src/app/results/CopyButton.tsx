import { useState } from 'react';
import styles from './UseModel.module.css';

/** Outcome of the last press. */
type Copied = 'not yet' | 'copied' | 'refused';
const TEXTS: Readonly<Record<Copied, string>> = {
  'not yet': 'Copy',
  copied: 'Copied',
  refused: 'Select and copy by hand',
};

/** Copies a text to the clipboard. @param label what the button does, for screen readers. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<Copied>('not yet');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setState('copied');
    } catch {
      setState('refused'); // pages over plain http have no clipboard, and the user may have blocked it
    }
  };
  return (
    <>
      <button
        type="button"
        className={styles.copy}
        aria-label={label}
        data-testid="copy-code"
        onClick={() => void copy()}
      >
        {TEXTS[state]}
      </button>
      <span role="status" className="hidden-visually">
        {state === 'not yet' ? '' : TEXTS[state]}
      </span>
    </>
  );
}
