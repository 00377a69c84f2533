import { useEffect } from 'react';
import { bytes } from '../format.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { Section } from '../ui/Section.tsx';
import { Gallery } from './Gallery.tsx';
import table from '../ui/table.module.css';
import styles from './ModelsTab.module.css';
import { roomLeft } from './models-state.ts';
import { StoredModels } from './StoredModels.tsx';
import { WorkPanel } from './WorkPanel.tsx';

/** Known models, and those stored in this browser. */
export function ModelsTab() {
  const { models } = usePage();
  const runStatus = usePageState(({ run }) => run.status);
  // A run may have fetched a model.
  useEffect(() => void models.refresh(), [models, runStatus]);
  return (
    <div className={styles.stack}>
      <WorkPanel />
      <Section
        title="In this browser"
        note="Downloaded once, checked by hash, and reused by every run."
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
      {room !== null && <span className={styles.muted}>room for {bytes(room)}</span>}
      {isPersistent === true ? (
        <span className={styles.muted}>stored until you remove them</span>
      ) : (
        <button type="button" className={table.act} data-testid="persist" onClick={() => void models.persist()}>
          Ask the browser to keep them
        </button>
      )}
    </>
  );
}
