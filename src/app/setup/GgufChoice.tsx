import { useState } from 'react';
import { parseModelReference } from '../../weights/model-reference.ts';
import { explained } from '../../base/errors.ts';
import { bytes } from '../format.ts';
import { usePage, usePageState } from '../page-context.tsx';
import styles from './field.module.css';

interface GgufProps {
  model: string;
  onChange: (model: string) => void;
}

/** The name of a repository, whatever file of it is chosen. */
function repositoryOf(model: string): string | null {
  const reference = parseModelReference(model);
  return reference?.kind === 'hub'
    ? model.slice(0, model.length - (reference.file ?? '').length).replace(/:$/, '')
    : null;
}

/** The GGUF files of a repository on the hub, which is asked only when the button is pressed. */
export function GgufChoice({ model, onChange }: GgufProps) {
  const { models } = usePage();
  const ggufs = usePageState((state) => state.models.ggufs);
  const busy = usePageState((state) => state.models.work !== null);
  const error = usePageState((state) => state.models.error);
  const [asked, setAsked] = useState<string | null>(null);
  const repository = repositoryOf(model);
  if (repository === null) return null;
  if (ggufs?.model !== repository) {
    return (
      <>
        <button
          type="button"
          className={styles.link}
          data-testid="list-ggufs"
          disabled={busy}
          onClick={() => {
            setAsked(repository);
            models.listGgufs(repository);
          }}
        >
          GGUF files of {repository}
        </button>
        {error !== null && asked === repository && <p className={styles.issue}>{explained(error)}</p>}
      </>
    );
  }
  return (
    <label className={styles.label}>
      GGUF file
      <select
        className={styles.input}
        data-testid="gguf-choice"
        value={model}
        onChange={({ target }) => onChange(target.value)}
      >
        <option value={repository}>none: safetensors</option>
        {ggufs.files.map(({ reference, file, bytes: size }) => (
          <option key={reference} value={reference}>
            {size === null ? file : `${file}, ${bytes(size)}`}
          </option>
        ))}
      </select>
    </label>
  );
}
