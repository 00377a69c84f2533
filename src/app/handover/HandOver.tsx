import { useId, useState } from 'react';
import { ErrorLine } from '../ErrorLine.tsx';
import { usePage, usePageState } from '../page-context.tsx';
import buttons from '../ui/buttons.module.css';
import styles from './HandOver.module.css';

/** Shares the set-up as a link or a file, and opens one. */
export function HandOver() {
  const { handOver } = usePage();
  const draft = usePageState((state) => state.draft);
  const problem = usePageState((state) => state.handOverProblem);
  /** The latest link, with the settings it holds. */
  const [made, setMade] = useState<{ link: string; of: typeof draft; isCopied: boolean } | null>(null);
  const picker = useId();
  const shown = made?.of === draft ? made : null;
  const copy = async (): Promise<void> => {
    const link = handOver.link();
    if (link === null) return;
    // Browsers refuse if the page lacks focus or is not secure; the user can then copy the link by hand.
    const isCopied = await (navigator.clipboard as Clipboard | undefined)?.writeText(link).then(
      () => true,
      () => false,
    );
    setMade({ link, of: draft, isCopied: isCopied === true });
  };
  return (
    <section className={styles.panel} aria-labelledby={`${picker}-title`} data-testid="hand-over">
      <h2 id={`${picker}-title`} className={styles.title}>
        Share this set-up
      </h2>
      <p className={styles.help}>
        All settings as a link or a file, without tokens, texts or file names. Opening it shows what would change and
        starts nothing.
      </p>
      <div className={buttons.row}>
        <button
          type="button"
          className={`${buttons.plain} ${buttons.small}`}
          data-testid="copy-link"
          onClick={() => void copy()}
        >
          Copy link
        </button>
        <button
          type="button"
          className={`${buttons.plain} ${buttons.small}`}
          data-testid="save-set-up"
          onClick={handOver.saveFile}
        >
          Save set-up
        </button>
        <label className={`${buttons.plain} ${buttons.small}`} htmlFor={picker}>
          Open a set-up…
        </label>
        <input
          id={picker}
          className="hidden-visually"
          type="file"
          accept=".json,application/json"
          data-testid="open-set-up"
          onChange={({ target }) => {
            const [file] = target.files ?? [];
            target.value = '';
            if (file !== undefined) void handOver.openFile(file);
          }}
        />
      </div>
      <div role="status" className={styles.help}>
        {shown !== null && (
          <>
            <label htmlFor={`${picker}-link`}>{shown.isCopied ? 'Copied:' : 'Copy this:'}</label>
            <input
              id={`${picker}-link`}
              className={styles.link}
              data-testid="link"
              readOnly
              value={shown.link}
              onFocus={({ target }) => target.select()}
            />
          </>
        )}
      </div>
      {problem !== null && <ErrorLine error={problem} isNew />}
    </section>
  );
}
