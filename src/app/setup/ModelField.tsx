import { useId, useState } from 'react';
import { EMBEDDED_MODELS, embeddedModel } from '../../weights/embedded-models.ts';
import { GALLERY } from '../../weights/gallery.ts';
import { usePage, usePageState } from '../page-context.tsx';
import styles from './field.module.css';
import { HubAccessFields } from './HubAccessFields.tsx';
import { GgufChoice } from './GgufChoice.tsx';
import { PickedModelField } from './PickedModelField.tsx';

interface Props {
  issue: string | undefined;
}

interface Choice {
  label: string;
  /** What the model field starts with when this is chosen. */
  start: string;
  /** Whether this choice covers a model. */
  holds: (model: string) => boolean;
}

const isPicked = (model: string): boolean => model.startsWith('picked:');

const CHOICES: readonly Choice[] = [
  ...EMBEDDED_MODELS.map(({ name, reference }) => ({
    label: name,
    start: reference,
    holds: (model: string) => model === reference,
  })),
  {
    label: 'From the Hugging Face hub, or an address',
    start: '',
    holds: (model) => embeddedModel(model) === undefined && !isPicked(model),
  },
  { label: 'Files on this machine', start: 'picked:', holds: isPicked },
];

/** Where the model comes from. */
export function ModelField({ issue }: Props) {
  const { chooseModel } = usePage();
  const model = usePageState(({ draft }) => draft.model);
  const id = useId();
  return (
    <fieldset className={styles.block} data-testid="model-field">
      <legend className={styles.label}>Model</legend>
      <div className={styles.radios}>
        {CHOICES.map(({ label, start, holds }) => (
          <label key={start} className={styles.radio}>
            <input type="radio" name={id} checked={holds(model)} onChange={() => chooseModel(start)} />
            {label}
          </label>
        ))}
      </div>
      {isPicked(model) && <PickedModelField issue={issue} />}
      {!isPicked(model) && !embeddedModel(model) && <NamedModel model={model} issue={issue} onChange={chooseModel} />}
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
  // An empty field or a half-typed name is not an error yet.
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
          'A model of a supported family (T5, LLaMA, Qwen, Mistral, SmolLM3, Gemma 3 …): org/name or org/name@revision on the hub, a GGUF file there (org/name:FILE.gguf), or the address of a folder or GGUF file. The presets suit the embedded model; the paper trains t5-large with learning rates 1e-3 and 1e-5, prompts of 512 tokens and answers of 50.'}
      </p>
      <button type="button" className={styles.link} onClick={() => look({ tab: 'models' })}>
        Known and stored models
      </button>
      <GgufChoice model={model} onChange={onChange} />
      <HubAccessFields of="models" />
    </>
  );
}
