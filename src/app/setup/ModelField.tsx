import { useId, useState } from 'react';
import { GALLERY } from '../../weights/gallery.ts';
import { parseModelReference } from '../../weights/model-reference.ts';
import { usePage, usePageState } from '../page-context.tsx';
import styles from './field.module.css';
import { HubAccessFields } from './HubAccessFields.tsx';
import { PickedModelField } from './PickedModelField.tsx';

interface Props {
  issue: string | undefined;
}

type Choice = 'embedded' | 'named' | 'picked';

const CHOICES: readonly { choice: Choice; label: string; start: string }[] = [
  { choice: 'embedded', label: 'Embedded small T5', start: 'embedded' },
  { choice: 'named', label: 'From the Hugging Face hub, or an address', start: '' },
  { choice: 'picked', label: 'Files on this machine', start: 'picked:' },
];

function choiceOf(model: string): Choice {
  const kind = parseModelReference(model)?.kind;
  if (kind === 'embedded') return 'embedded';
  return model.startsWith('picked:') ? 'picked' : 'named';
}

/** Where the model comes from. */
export function ModelField({ issue }: Props) {
  const { edit } = usePage();
  const model = usePageState(({ draft }) => draft.model);
  const id = useId();
  const choice = choiceOf(model);
  const setModel = (next: string): void => edit((draft) => ({ ...draft, model: next }));
  return (
    <fieldset className={styles.block} data-testid="model-field">
      <legend className={styles.label}>Model</legend>
      <div className={styles.radios}>
        {CHOICES.map(({ choice: value, label, start }) => (
          <label key={value} className={styles.radio}>
            <input type="radio" name={id} checked={choice === value} onChange={() => setModel(start)} />
            {label}
          </label>
        ))}
      </div>
      {choice === 'named' && <NamedModel model={model} issue={issue} onChange={setModel} />}
      {choice === 'picked' && <PickedModelField issue={issue} />}
    </fieldset>
  );
}

interface NamedProps extends Props {
  model: string;
  onChange: (model: string) => void;
}

function NamedModel({ model, issue, onChange }: NamedProps) {
  const { look } = usePage();
  const id = useId();
  // An empty field is no mistake yet, nor is a name that is still being typed.
  const [wasLeft, setWasLeft] = useState(false);
  const shown = wasLeft && model !== '' ? issue : undefined;
  return (
    <>
      <input
        className={styles.input}
        type="text"
        inputMode="url"
        spellCheck={false}
        autoCapitalize="none"
        aria-label="Repository or address of the model"
        placeholder="org/name, or https://…"
        list={`${id}-known`}
        value={model}
        aria-invalid={shown !== undefined}
        aria-describedby={`${id}-help`}
        onBlur={() => setWasLeft(true)}
        onChange={({ target }) => onChange(target.value.trim())}
      />
      <datalist id={`${id}-known`}>
        {GALLERY.map(({ reference, name }) => (
          <option key={reference} value={reference}>
            {name}
          </option>
        ))}
      </datalist>
      <p id={`${id}-help`} className={shown === undefined ? styles.help : styles.issue}>
        {shown ??
          'A repository of a known family (T5, LLaMA, Qwen, Mistral, SmolLM3, Gemma 3 …), org/name or org/name@revision, or the address of a folder with its files. The presets suit the embedded model: the paper trains t5-large with rates 1e-3 and 1e-5, prompts of 512 and answers of 50 tokens.'}
      </p>
      <button type="button" className={styles.link} onClick={() => look({ tab: 'models' })}>
        Known models, and those in this browser
      </button>
      <HubAccessFields />
    </>
  );
}
