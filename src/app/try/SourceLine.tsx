import { useStore } from 'zustand';
import { modelText } from '../../weights/model-text.ts';
import { pickedFrom } from '../models/picked-files.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { methodTitle } from '../../methods/registry.ts';
import { useStoredRounds } from '../results/saved-rounds-context.tsx';
import type { TryDesk } from './try-desk.ts';
import styles from './TryTab.module.css';

/** The run being asked, and buttons to open another. */
export function SourceLine({ desk }: { desk: TryDesk }) {
  const page = usePage();
  const stored = useStoredRounds();
  const { status, run, source } = useStore(desk.store);
  const shown = usePageState((state) => state.run.results?.id ?? null);
  const access = () => page.store.getState().access;
  const take = (list: FileList | null): void => {
    const picked = pickedFrom(list ?? []);
    if (picked !== null) desk.open(access(), null, picked);
  };
  const busy = status === 'opening' || status === 'asking' || status === 'stopping';
  return (
    <div className={styles.source}>
      <p data-testid="try-source">
        {run === null ? (
          status === 'opening' && 'Looking for rounds…'
        ) : (
          <>
            <strong>{methodTitle(run.settings.method)}</strong> on {modelText(run.settings.model)},{' '}
            {run.rounds.length === 1 ? '1 round' : `${run.rounds.length} rounds`}
            {source.kind === 'files' ? ` from ${source.name}` : ', in this browser'}
            {source.kind === 'kept' && shown !== null && shown !== run.id && (
              <span data-testid="try-other"> (another run: the one on the page has no model yet, or no longer)</span>
            )}
          </>
        )}
      </p>
      <span className={styles.buttons}>
        <label className={styles.pick} data-disabled={busy}>
          Open a run’s folder…
          <input
            type="file"
            className="hidden-visually"
            data-testid="try-folder"
            disabled={busy}
            {...{ webkitdirectory: '' }}
            onChange={({ target }) => take(target.files)}
          />
        </label>
        <label className={styles.pick} data-disabled={busy}>
          Open its zip…
          <input
            type="file"
            className="hidden-visually"
            accept=".zip"
            disabled={busy}
            data-testid="try-zip"
            onChange={({ target }) => take(target.files)}
          />
        </label>
        {source.kind === 'files' && (
          <button
            type="button"
            className={styles.pick}
            disabled={busy}
            onClick={() => desk.open(access(), stored.choiceFor(page.store.getState().run.results?.id ?? null))}
          >
            Back to the last run
          </button>
        )}
      </span>
    </div>
  );
}
