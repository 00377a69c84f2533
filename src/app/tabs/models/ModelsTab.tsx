import { useEffect } from 'react';
import type { ModelSummary } from '../../../run/files/model-line.ts';
import { EMBEDDED_MODELS, type EmbeddedModel } from '../../../weights/embedded-models.ts';
import type { ModelProgress, StoredModel } from '../../../weights/model-messages.ts';
import { atCommit, pickedReference } from '../../../weights/model-reference.ts';
import type { KeptModel } from '../../state/kept-models.ts';
import { roomLeft } from '../../state/models.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { paceTexts } from '../../state/phase.ts';
import { canRemoveModels, isActive } from '../../state/run-state.ts';
import { ErrorText, ProgressBar, Section } from '../../ui/blocks.tsx';
import { Act, AskTwice } from '../../ui/controls.tsx';
import { bytes } from '../../ui/format.ts';
import { Gallery } from './Gallery.tsx';
import styles from './models.module.css';
import { TaughtModels } from './TaughtModels.tsx';

/** The current work on models, its progress, and the outcome of the last one. */
function WorkPanel() {
  const { models } = usePage();
  const { work, paused, outcome, error } = usePageState((state) => state.models);
  const isQuiet = work === null && paused === null && outcome === null && error === null;
  return (
    <div className={`box ${styles.work}`} data-testid="models-work" hidden={isQuiet}>
      {work?.kind === 'fetch' && (
        <>
          <Bar title={`Downloading ${work.model}`} detail={fetchText(work.progress)} share={shareOf(work.progress)} />
          <button type="button" data-testid="pause-fetch" disabled={work.isPausing} onClick={models.pause}>
            {work.isPausing ? 'Pausing…' : 'Pause'}
          </button>
        </>
      )}
      {work?.kind === 'verify' && (
        <Bar title={`Checking ${work.folder}`} detail={fetchText(work.progress)} share={shareOf(work.progress)} />
      )}
      {work?.kind === 'remove' && <p>Removing {work.folder}</p>}
      {error !== null && (
        <div role="alert" className="notice bad">
          <ErrorText error={error} />
        </div>
      )}
      {paused !== null && (
        <>
          <Bar
            title={`${paused.model} is incomplete`}
            detail={paused.progress === null ? '' : `${fetchText({ ...paused.progress, bytesPerSecond: null })} so far`}
            share={shareOf(paused.progress)}
          />
          <button type="button" data-testid="resume-fetch" onClick={() => models.fetch(paused.model)}>
            Resume
          </button>
        </>
      )}
      <p role="status">{outcome}</p>
    </div>
  );
}

type Progress = Pick<ModelProgress, 'bytes' | 'totalBytes'> & Partial<Pick<ModelProgress, 'bytesPerSecond'>>;

const shareOf = (progress: Progress | null): number =>
  progress?.totalBytes == null || progress.totalBytes === 0 ? 0 : progress.bytes / progress.totalBytes;

/** `1.2 GiB of 2.7 GiB, 24 MiB/s, 1 min 05 s left`. */
function fetchText(progress: Progress | null): string {
  if (progress === null) return 'requesting files';
  const { bytes: done, totalBytes, bytesPerSecond = null } = progress;
  const amount = totalBytes === null ? bytes(done) : `${bytes(done)} of ${bytes(totalBytes)}`;
  const left = totalBytes === null ? null : totalBytes - done;
  return [amount, ...paceTexts(left, bytesPerSecond)].join(', ');
}

function Bar({ title, detail, share }: { title: string; detail: string; share: number }) {
  return (
    <div className={styles.progress}>
      <p className={styles.title}>{title}</p>
      <ProgressBar label={title} share={share} text={detail} />
      <p className="second" data-testid="work-detail">
        {detail}
      </p>
    </div>
  );
}

/** Known models, and those stored in this browser. */
export function ModelsTab() {
  const { models } = usePage();
  const runStatus = usePageState(({ run }) => run.status);
  const room = usePageState((state) => roomLeft(state.models));
  // A run may have fetched a model.
  useEffect(() => void models.refresh(), [models, runStatus]);
  return (
    <div className="sections">
      <WorkPanel />
      <Eviction />
      <TaughtModels />
      <Section
        title="Base models in this browser"
        note="Downloaded once, checked by hash, and shared by every run and every model that was taught on them."
        tools={room !== null && <span className="second">room for {bytes(room)}</span>}
        testId="stored-models"
      >
        <StoredModels />
      </Section>
      <Section
        title="Known models"
        note="Any T5, umT5, LLaMA, Mistral, Qwen 2 or 3, SmolLM or Gemma 3 (text) repository with safetensors and a tokenizer.json should work; these are a start. The Memory section of the form plans what your settings need."
        testId="gallery"
      >
        <Gallery />
      </Section>
    </div>
  );
}

/** Whether the browser promises to keep what is stored, and a way to ask it. */
function Eviction() {
  const { models } = usePage();
  const isPersistent = usePageState((state) => state.models.isPersistent);
  if (isPersistent === null) return null;
  if (isPersistent) return <p className="second">Everything below is stored until you remove it.</p>;
  return (
    <p data-testid="evictable">
      The browser may remove everything below, what you taught too, when its disk is nearly full; Safari also after
      seven days without a visit.{' '}
      <button type="button" className="link" data-testid="persist" onClick={() => void models.persist()}>
        Ask the browser to keep it
      </button>
    </p>
  );
}

/** The models stored in this browser. */
export function StoredModels() {
  const stored = usePageState((state) => state.models.stored);
  const kept = usePageState(({ keptModels }) => keptModels);
  if (stored === null) return <p className="second">Loading…</p>;
  if (stored.length + kept.length === 0)
    return <p className="second">None yet. The first run with a model stores it here.</p>;
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
          {kept.map((model) => (
            <KeptRow key={model.name} model={model} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

type Base = Pick<ModelSummary, 'settings' | 'commit'>;

/** Whether a base model can be removed: not that of a run which is on. */
const useCanRemove = (isBase: (base: Base) => boolean): boolean =>
  usePageState(({ run: { status, settings, results } }) => {
    if (!isActive(status) || settings === null) return true;
    return canRemoveModels(status) && !isBase({ settings, commit: results?.model.commit ?? null });
  });

/** A copy of a model of this machine. */
function KeptRow({ model: { name, bytes: size } }: { model: KeptModel }) {
  const { chooseModel, removeKept } = usePage();
  const active = usePageState(({ run }) => isActive(run.status));
  const model = pickedReference(name);
  const canRemove = useCanRemove(({ settings }) => settings.model === model);
  const needed = usePageState(
    ({ taught: { models } }) => models.filter((one) => one.model?.settings.model === model).length,
  );
  return (
    <tr>
      <th scope="row">
        {name}
        <span className="second">a copy of files on this machine</span>
      </th>
      <td className="number">{bytes(size)}</td>
      <td className="acts">
        <Act label={`Choose ${name}`} disabled={active} onClick={() => chooseModel(model)}>
          Choose
        </Act>
        <AskTwice
          verb="Remove"
          of={`the copy of ${name}`}
          what={needed === 0 ? '' : `: ${needing(needed)} it, and would ask for its files`}
          isShort
          className="act"
          isDisabled={!canRemove}
          act={() => void removeKept(name)}
        />
      </td>
    </tr>
  );
}

function Row({ model }: { model: StoredModel }) {
  const { chooseModel, models } = usePage();
  const busy = usePageState((state) => state.models.work !== null);
  const active = usePageState(({ run }) => isActive(run.status));
  const canRemove = useCanRemove((base) => isBaseOf(model, base));
  const name = nameOf(model);
  const needed = usePageState(
    ({ taught: { models: all } }) => all.filter((one) => one.model && isBaseOf(model, one.model)).length,
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
          <Act label={`Choose ${name}`} disabled={active} onClick={() => chooseModel(model.reference)}>
            Choose
          </Act>
        )}
        {model.isComplete && (
          <Act label={`Check ${name}`} disabled={busy || active} onClick={() => models.verify(model.folder)}>
            Check
          </Act>
        )}
        {!model.isComplete && !isEmbedded && (
          <Act
            label={`Resume downloading ${name}`}
            disabled={busy || active}
            onClick={() => models.fetch(model.reference)}
          >
            Resume
          </Act>
        )}
        <AskTwice
          verb="Remove"
          of={name}
          what={neededText(needed)}
          isShort
          className="act"
          isDisabled={busy || !canRemove}
          act={() => models.remove(model.folder)}
        />
      </td>
    </tr>
  );
}

/** Whether a model was taught on a stored one. */
function isBaseOf(stored: StoredModel, { settings, commit }: Base): boolean {
  const embedded = embeddedIn(stored);
  if (embedded) return settings.model === embedded.reference;
  return stored.reference === atCommit(settings.model, commit);
}

/** Taught models cannot be asked, exported or taught more without their base. */
const neededText = (needed: number): string =>
  needed === 0 ? '' : `: ${needing(needed)} it, and would have to download it again`;

const needing = (needed: number): string =>
  needed === 1 ? '1 model that you taught needs' : `${needed} models that you taught need`;

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

function detailOf(model: StoredModel): string {
  const { reference, isComplete } = model;
  if (embeddedIn(model)) return isComplete ? '' : 'its small files; a run loads the rest from this page';
  const commit = reference.includes('@') ? `commit ${reference.slice(reference.indexOf('@') + 1).slice(0, 7)}` : '';
  return [commit, isComplete ? '' : 'incomplete'].filter((text) => text !== '').join(', ');
}
