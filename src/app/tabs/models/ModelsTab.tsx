import { useEffect } from 'react';
import type { ModelProgress } from '../../../weights/model-messages.ts';
import { roomLeft } from '../../state/models.ts';
import { usePage, usePageState } from '../../state/page-context.tsx';
import { paceTexts } from '../../state/phase.ts';
import { ErrorText } from '../../ui/errors.tsx';
import { bytes } from '../../ui/format.ts';
import { ProgressBar } from '../../ui/ProgressBar.tsx';
import { Section } from '../../ui/Section.tsx';
import { Gallery } from './Gallery.tsx';
import { StoredModels } from './StoredModels.tsx';
import { TaughtModels } from './TaughtModels.tsx';
import styles from './models.module.css';

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
  // A run may have fetched a model.
  useEffect(() => void models.refresh(), [models, runStatus]);
  return (
    <div className="sections">
      <WorkPanel />
      <TaughtModels />
      <Section
        title="Base models in this browser"
        note="Downloaded once, checked by hash, and shared by every run and every model that was taught on them."
        tools={<Storage />}
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

/** Room for models, and whether the browser promises to keep them. */
function Storage() {
  const { models } = usePage();
  const isPersistent = usePageState((state) => state.models.isPersistent);
  const room = usePageState((state) => roomLeft(state.models));
  return (
    <>
      {room !== null && <span className="second">room for {bytes(room)}</span>}
      {isPersistent === true ? (
        <span className="second">stored until you remove them</span>
      ) : (
        <>
          <span className="second" data-testid="evictable">
            the browser may remove them when its disk is nearly full, Safari also after seven days without a visit
          </span>
          <button type="button" className="act" data-testid="persist" onClick={() => void models.persist()}>
            Ask the browser to keep them
          </button>
        </>
      )}
    </>
  );
}
