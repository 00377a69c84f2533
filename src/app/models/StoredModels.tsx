import type { StoredModel } from '../../weights/model-messages.ts';
import { bytes } from '../format.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import styles from './ModelsTab.module.css';

/** What the store of this browser holds, model by model. */
export function StoredModels() {
  const stored = usePageState((state) => state.models.stored);
  if (stored === null) return <p className={styles.muted}>Looking…</p>;
  if (stored.length === 0)
    return <p className={styles.muted}>None yet. A model is kept here when a run first uses it.</p>;
  return (
    <div className={styles.scroll}>
      <table className={styles.table}>
        <caption className="hidden-visually">Models in this browser</caption>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col" className={styles.number}>
              Size
            </th>
            <td />
          </tr>
        </thead>
        <tbody>
          {stored.map((model) => (
            <Row key={model.folder} model={model} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ model }: { model: StoredModel }) {
  const { edit, models } = usePage();
  const busy = usePageState((state) => state.models.work !== null);
  const active = usePageState(({ run }) => isActive(run.status));
  const name = nameOf(model);
  const isEmbedded = name === EMBEDDED;
  return (
    <tr data-folder={model.folder} data-complete={model.isComplete}>
      <th scope="row">
        {name}
        <span className={styles.second}>{detailOf(model)}</span>
      </th>
      <td className={styles.number}>{bytes(model.bytes)}</td>
      <td className={styles.acts}>
        {!isEmbedded && (
          <button
            type="button"
            className={styles.act}
            disabled={active}
            aria-label={`Train ${name}`}
            onClick={() => edit((draft) => ({ ...draft, model: model.reference }))}
          >
            Choose
          </button>
        )}
        {model.isComplete ? (
          <button
            type="button"
            className={styles.act}
            disabled={busy || active}
            aria-label={`Check ${name}`}
            onClick={() => models.verify(model.folder)}
          >
            Check
          </button>
        ) : (
          <button
            type="button"
            className={styles.act}
            disabled={busy || active || isEmbedded}
            aria-label={`Resume fetching ${name}`}
            onClick={() => models.fetch(model.reference)}
          >
            Resume
          </button>
        )}
        <button
          type="button"
          className={styles.act}
          disabled={busy || active}
          aria-label={`Remove ${name}`}
          onClick={() => models.remove(model.folder)}
        >
          Remove
        </button>
      </td>
    </tr>
  );
}

const EMBEDDED = 'Embedded small T5';

function nameOf({ folder, reference }: StoredModel): string {
  if (folder === new URL('embedded/model/', document.baseURI).href) return EMBEDDED;
  const [repository, commit] = reference.split('@');
  return commit === undefined ? reference : repository;
}

function detailOf({ reference, isComplete }: StoredModel): string {
  const commit = reference.includes('@') ? `commit ${reference.slice(reference.indexOf('@') + 1).slice(0, 7)}` : '';
  return [commit, isComplete ? '' : 'not complete'].filter((text) => text !== '').join(', ');
}
