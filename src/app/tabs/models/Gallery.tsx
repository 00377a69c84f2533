import { GALLERY, type GalleryModel } from '../../../weights/gallery.ts';
import type { StoredModel } from '../../../weights/model-messages.ts';
import { parseModelReference } from '../../../weights/model-reference.ts';
import { roomLeft } from '../../state/models.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { budgetBytes } from '../../state/preferences.ts';
import { isActive } from '../../state/run-state.ts';
import { Act } from '../../ui/controls.tsx';
import { bytes } from '../../ui/format.ts';
import styles from './models.module.css';

/** The limits of a device that are known before anything is put on it. */
interface DeviceLimits {
  /** The largest buffer that a kernel may bind as a whole. Null until known. */
  bufferBytes: number | null;
  /** The memory that the user lets a run use. Null if none was entered. */
  budgetBytes: number | null;
  /** The storage still free for this page. Null if the browser does not report it. */
  storageBytes: number | null;
}

/** Trained weights are f32. */
const BYTES_PER_VALUE = 4;

/** Why a device cannot hold a model, as a short text; null if no limit is known to be exceeded. */
export function whyTooLarge(
  { trainingBytes, largestTrained, bytes }: Pick<GalleryModel, 'trainingBytes' | 'largestTrained' | 'bytes'>,
  { bufferBytes, budgetBytes, storageBytes }: DeviceLimits,
): string | null {
  if (bufferBytes !== null && largestTrained * BYTES_PER_VALUE > bufferBytes)
    return 'a trained weight exceeds the largest buffer';
  if (budgetBytes !== null && trainingBytes > budgetBytes)
    return 'over “Memory to use”; fewer bits or shorter prompts need less';
  if (storageBytes !== null && bytes > storageBytes) return 'the browser has no room for the files';
  return null;
}

/** Known models, what each needs, and whether this device can hold it. */
export function Gallery() {
  return (
    <div className="scroll">
      <p className="second">
        ≈ is computed from the config, not measured. Memory is for <code>gorp</code> with prompts of 512 tokens, 8 at a
        time (T5) or 1 (others), weights as stored, activations recomputed.
      </p>
      <table className={`table ${styles.models}`}>
        <caption className="hidden-visually">Known models</caption>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col" className="number">
              Parameters
            </th>
            <th scope="col" className="number">
              Download
            </th>
            <th scope="col" className="number">
              GPU memory
            </th>
            <th scope="col">Licence</th>
            <td />
          </tr>
        </thead>
        <tbody>
          {GALLERY.map((model) => (
            <Row key={model.reference} model={model} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ model }: { model: GalleryModel }) {
  const { chooseModel, models } = usePage();
  const busy = usePageState((state) => state.models.work !== null);
  const active = usePageState(({ run }) => isActive(run.status));
  const chosen = usePageState(({ draft }) => draft.model === model.reference);
  const stored = usePageState((state) => isStored(state.models.stored, model));
  const bufferBytes = usePageState(({ deviceFound }) =>
    deviceFound.status === 'known' ? deviceFound.outlook.bufferBytes : null,
  );
  const storageBytes = usePageState((state) => roomLeft(state.models));
  const budget = usePageState((state) => budgetBytes(state.memoryBudget));
  const room = stored ? null : storageBytes;
  const obstacle = whyTooLarge(model, { bufferBytes, budgetBytes: budget, storageBytes: room });
  return (
    <tr data-model={model.reference}>
      <th scope="row">
        {model.name}
        <span className="second">
          <code>{model.reference}</code>
        </span>
        <span className="second">{model.note}</span>
      </th>
      <td className="number">{millions(model.parameters)}</td>
      <td className="number">{`${model.bytesFrom === 'config' ? '≈ ' : ''}${bytes(model.bytes)}`}</td>
      <td className="number">
        ≈ {bytes(model.trainingBytes)}
        {obstacle !== null && <span className={`second warn ${styles.obstacle}`}>not on this device: {obstacle}</span>}
      </td>
      <td>
        {model.licence}
        {model.isGated && <span className="second">gated: terms and a token</span>}
      </td>
      <td className="acts">
        <Act
          label={`${chosen ? 'Chosen' : 'Choose'} ${model.name}`}
          disabled={active || chosen}
          onClick={() => chooseModel(model.reference)}
        >
          {chosen ? 'Chosen' : 'Choose'}
        </Act>
        <Act
          label={`${stored ? 'Stored' : 'Download'}: ${model.name}`}
          disabled={busy || active || stored}
          onClick={() => models.fetch(model.reference)}
        >
          {stored ? 'Stored' : 'Download'}
        </Act>
      </td>
    </tr>
  );
}

const millions = (count: number): string =>
  count >= 1e9 ? `${(count / 1e9).toPrecision(3)} B` : `${(count / 1e6).toPrecision(3)} M`;

/** Whether any commit of the model is stored completely. */
function isStored(stored: readonly StoredModel[] | null, { reference }: GalleryModel): boolean {
  const asked = parseModelReference(reference);
  return (
    asked?.kind === 'hub' &&
    stored?.some(
      (model) =>
        model.isComplete &&
        model.reference.startsWith(`${asked.repository}@`) &&
        model.reference.replace(/^[^:]*:?/, '') === (asked.file ?? ''),
    ) === true
  );
}
