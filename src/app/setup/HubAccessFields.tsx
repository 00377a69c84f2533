import { useId } from 'react';
import { usePage, usePageState } from '../page-context.tsx';
import styles from './field.module.css';

/** The token for gated models, and the hub. Both are in memory only, and gone with the page. */
export function HubAccessFields() {
  const { setAccess } = usePage();
  const hub = usePageState(({ access }) => access.hub);
  const id = useId();
  return (
    <details className={styles.fold}>
      <summary>Gated models and mirrors</summary>
      <div className={styles.block}>
        <label htmlFor={`${id}-token`}>Access token</label>
        <input
          id={`${id}-token`}
          className={styles.input}
          type="password"
          autoComplete="off"
          spellCheck={false}
          placeholder="hf_…"
          value={hub.token ?? ''}
          aria-describedby={`${id}-token-help`}
          onChange={({ target }) => {
            const token = target.value.trim();
            setAccess({ hub: { ...hub, token: token === '' ? null : token } });
          }}
        />
        <p id={`${id}-token-help`} className={styles.help}>
          Sent to the hub only. It is not stored: enter it again after a reload.
        </p>
        <label htmlFor={`${id}-hub`}>Hub</label>
        <input
          id={`${id}-hub`}
          className={styles.input}
          type="url"
          spellCheck={false}
          value={hub.endpoint}
          onChange={({ target }) => setAccess({ hub: { ...hub, endpoint: target.value.trim() } })}
        />
      </div>
    </details>
  );
}
