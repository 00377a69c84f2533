import { type ReactNode, useState } from 'react';
import buttons from '../ui/buttons.module.css';

/** Copies a text to the clipboard and says whether that worked. @param text made when the button is pressed. */
export function CopyText({ text, children }: { text: () => string; children: ReactNode }) {
  const [outcome, setOutcome] = useState('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text());
      setOutcome('Copied.');
    } catch {
      setOutcome('The browser refused: save the file instead.'); // no clipboard over plain http, or blocked by the user
    }
  };
  return (
    <>
      <button type="button" className={buttons.plain} data-testid="measure-copy" onClick={() => void copy()}>
        {children}
      </button>
      <span role="status">{outcome}</span>
    </>
  );
}
