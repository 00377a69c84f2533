import { useId } from 'react';
import { usePage, usePageState } from '../page-context.tsx';
import styles from './field.module.css';

interface Props {
  issue: string | undefined;
}

/** Where the model comes from. */
export function ModelField({ issue }: Props) {
  const { edit } = usePage();
  const model = usePageState(({ draft }) => draft.model);
  const id = useId();
  const embedded = model === 'embedded';
  const setModel = (next: string): void => edit((draft) => ({ ...draft, model: next }));
  return (
    <fieldset className={styles.block}>
      <legend className={styles.label}>Model</legend>
      <div className={styles.radios}>
        <label className={styles.radio}>
          <input type="radio" name={id} checked={embedded} onChange={() => setModel('embedded')} />
          Embedded small T5
        </label>
        <label className={styles.radio}>
          <input type="radio" name={id} checked={!embedded} onChange={() => setModel('')} />
          Folder with Hugging Face files
        </label>
      </div>
      {!embedded && (
        <>
          <input
            className={styles.input}
            type="url"
            aria-label="Address of the model folder"
            placeholder="https://example.org/t5-large/"
            value={model}
            aria-invalid={issue !== undefined}
            aria-describedby={`${id}-help`}
            onChange={({ target }) => setModel(target.value.trim())}
          />
          <p id={`${id}-help`} className={issue === undefined ? styles.help : styles.issue}>
            {issue ??
              'A T5 or a LLaMA: config.json, tokenizer.json, tokenizer_config.json, model.safetensors. The presets suit the embedded model; the paper trains t5-large with rates 1e-3 and 1e-5, prompts of 512 and answers of 50 tokens.'}
          </p>
        </>
      )}
    </fieldset>
  );
}
