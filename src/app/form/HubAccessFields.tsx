import { useId } from 'react';
import { isSecureAddress } from '../../base/address.ts';
import { hubOrigin } from '../../weights/hub.ts';
import { usePage, usePageState } from '../state/page-context.tsx';

/** The hub, and the token for its gated models and data sets. Both exist in memory only, until the page closes. */
export function HubAccessFields({ of }: { of: 'models' | 'data sets' }) {
  const { setHub, setToken } = usePage();
  const hub = usePageState(({ access }) => access.hub);
  const id = useId();
  const origin = hubOrigin(hub.endpoint);
  const receiver = origin !== null && isSecureAddress(origin) ? origin : null;
  return (
    <details className="small">
      <summary>Gated {of} and mirrors</summary>
      <div className="stack">
        <label htmlFor={`${id}-hub`}>Hub</label>
        <input
          id={`${id}-hub`}
          type="url"
          spellCheck={false}
          value={hub.endpoint}
          onChange={({ target }) => setHub(target.value.trim())}
        />
        <label htmlFor={`${id}-token`}>Access token</label>
        <input
          id={`${id}-token`}
          type="password"
          autoComplete="off"
          spellCheck={false}
          placeholder="hf_…"
          value={hub.token ?? ''}
          disabled={receiver === null}
          aria-describedby={`${id}-token-help`}
          onChange={({ target }) => {
            const token = target.value.trim();
            setToken(token === '' ? null : token);
          }}
        />
        <p id={`${id}-token-help`} className="help">
          {receiver === null
            ? 'First enter the https:// address of the hub.'
            : `Sent only to ${receiver}, when you start a run, download or look up a model, or read a data set. Not stored: enter it again after a reload or for another hub.`}
        </p>
      </div>
    </details>
  );
}
