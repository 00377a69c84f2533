import { useEffect } from 'react';
import { bytes } from '../format.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { Section } from '../ui/Section.tsx';
import { Gallery } from './Gallery.tsx';
import styles from './ModelsTab.module.css';
import { roomLeft } from './models-state.ts';
import { StoredModels } from './StoredModels.tsx';
import { WorkPanel } from './WorkPanel.tsx';

/** Models to begin with, and those that this browser keeps. */
export function ModelsTab() {
  const { models } = usePage();
  const runStatus = usePageState(({ run }) => run.status);
  // A run may have fetched a model, too.
  useEffect(() => void models.refresh(), [models, runStatus]);
  return (
    <div className={styles.stack}>
      <WorkPanel />
      <Section
        title="In this browser"
        note="Fetched once, checked by hash, and read from here by every later run."
        tools={<Storage />}
        testId="stored-models"
      >
        <StoredModels />
      </Section>
      <Section
        title="Known models"
        note="Any repository of T5, umT5, LLaMA, Mistral, Qwen 2 and 3, SmolLM or Gemma 3 (text) with safetensors and a tokenizer.json should do; these are some to begin with. Sizes are computed from their configs. GPU memory is what gorp takes with prompts of 512 tokens, 8 at a time (T5) or 1 (others), weights as they are stored and activations computed again; what your settings take is planned beside them."
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
        <span className={styles.muted}>kept until you remove them</span>
      ) : (
        <button type="button" className={styles.act} data-testid="persist" onClick={() => void models.persist()}>
          Ask the browser to keep them
        </button>
      )}
    </>
  );
}
