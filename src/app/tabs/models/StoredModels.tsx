import { EMBEDDED_MODELS, type EmbeddedModel } from '../../../weights/embedded-models.ts';
import type { ModelSummary } from '../../../run/files/model-line.ts';
import type { StoredModel } from '../../../weights/model-messages.ts';
import { atCommit } from '../../../weights/model-reference.ts';
import { bytes } from '../../ui/format.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { isActive } from '../../state/run-state.ts';
import { useTaughtState } from '../../state/taught-models.ts';
import { AskTwice } from '../../ui/AskTwice.tsx';
import styles from './models.module.css';

/** The models stored in this browser. */
export function StoredModels() {
  const stored = usePageState((state) => state.models.stored);
  if (stored === null) return <p className="second">Loading…</p>;
  if (stored.length === 0) return <p className="second">None yet. The first run with a model stores it here.</p>;
  return (
    <div className="scroll">
      <table className={`table ${styles.models}`}>
        <caption className="hidden-visually">Models in this browser</caption>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col" className="number">
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
  const { chooseModel, models } = usePage();
  const busy = usePageState((state) => state.models.work !== null);
  const active = usePageState(({ run }) => isActive(run.status));
  const name = nameOf(model);
  const needed = useTaughtState(
    ({ models: all }) => all.filter((one) => one.model && isBaseOf(model, one.model)).length,
  );
  const isEmbedded = embeddedIn(model) !== undefined;
  return (
    <tr data-folder={model.folder} data-complete={model.isComplete}>
      <th scope="row">
        {name}
        <span className="second">{detailOf(model)}</span>
      </th>
      <td className="number">{bytes(model.bytes)}</td>
      <td className="acts">
        {!isEmbedded && (
          <button
            type="button"
            className="act"
            disabled={active}
            aria-label={`Choose ${name}`}
            onClick={() => chooseModel(model.reference)}
          >
            Choose
          </button>
        )}
        {model.isComplete ? (
          <button
            type="button"
            className="act"
            disabled={busy || active}
            aria-label={`Check ${name}`}
            onClick={() => models.verify(model.folder)}
          >
            Check
          </button>
        ) : (
          <button
            type="button"
            className="act"
            disabled={busy || active || isEmbedded}
            aria-label={`Resume downloading ${name}`}
            onClick={() => models.fetch(model.reference)}
          >
            Resume
          </button>
        )}
        <AskTwice
          verb="Remove"
          of={name}
          what={neededText(needed)}
          isShort
          className="act"
          isDisabled={busy || active}
          act={() => models.remove(model.folder)}
        />
      </td>
    </tr>
  );
}

/** Whether a model was taught on a stored one. */
function isBaseOf(stored: StoredModel, { settings, commit }: ModelSummary): boolean {
  const embedded = embeddedIn(stored);
  if (embedded) return settings.model === embedded.reference;
  return stored.reference === atCommit(settings.model, commit);
}

/** Taught models cannot be asked, exported or taught more without their base. */
const neededText = (needed: number): string =>
  needed === 0
    ? ''
    : `: ${needed === 1 ? '1 model that you taught needs' : `${needed} models that you taught need`} it, and would have to download it again`;

/** The embedded model whose files a folder of the store holds. */
const embeddedIn = ({ folder }: StoredModel): EmbeddedModel | undefined =>
  EMBEDDED_MODELS.find((model) => folder === new URL(`embedded/${model.folder}/`, document.baseURI).href);

function nameOf(model: StoredModel): string {
  const embedded = embeddedIn(model);
  if (embedded) return embedded.name;
  const { reference } = model;
  const [repository, commit] = reference.split('@');
  return commit === undefined ? reference : repository;
}

function detailOf({ reference, isComplete }: StoredModel): string {
  const commit = reference.includes('@') ? `commit ${reference.slice(reference.indexOf('@') + 1).slice(0, 7)}` : '';
  return [commit, isComplete ? '' : 'incomplete'].filter((text) => text !== '').join(', ');
}
