import { ErrorLine } from '../ui/errors.tsx';
import { usePage, usePageState } from '../state/page-context.tsx';
import { countsOf, ReadExample } from '../ui/ReadExample.tsx';
import styles from './form.module.css';

/** The first example as the model would read it with the current settings; read when unfolded. */
export function PreviewField() {
  const { preview } = usePage();
  const status = usePageState((state) => state.preview.status);
  return (
    <details
      className={styles.more}
      data-testid="preview"
      data-status={status}
      onToggle={(event) => (event.currentTarget.open ? preview.open() : preview.close())}
    >
      <summary className="label">What the model reads</summary>
      <Shown />
    </details>
  );
}

function Shown() {
  const { preview } = usePage();
  const state = usePageState((all) => all.preview);
  const example = state.status === 'read' ? state.preview : state.status === 'reading' ? state.last : null;
  return (
    <div className="stack" aria-live="polite">
      {state.status === 'none' && <p className="help">Shown once the settings are complete.</p>}
      {state.status === 'reading' && example === null && <p className="help">Reading…</p>}
      {state.status === 'read' && example === null && <p className="help">The first task has no examples.</p>}
      {state.status === 'failed' && <ErrorLine error={state.error} isNew={false} />}
      {state.status === 'elsewhere' && (
        <>
          <p className="help">The tokenizer or the task is on another server.</p>
          <button type="button" className="link small" data-testid="preview-look-up" onClick={preview.lookUp}>
            Load it to show an example
          </button>
        </>
      )}
      {example !== null && (
        <>
          <p className="help">
            {countsOf(example)} {example.cut && 'Its text is cut to the prompt length.'}
          </p>
          <ReadExample {...example} />
        </>
      )}
    </div>
  );
}
