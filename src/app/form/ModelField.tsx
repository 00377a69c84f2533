import { useId, useState } from 'react';
import { explained } from '../../base/errors.ts';
import { methodTitle } from '../../methods/registry.ts';
import { EMBEDDED_MODELS, embeddedModel } from '../../weights/embedded-models.ts';
import { GALLERY } from '../../weights/gallery.ts';
import { modelText, parseModelReference } from '../../weights/model-reference.ts';
import { modelFilesOf } from '../../weights/picked-folder.ts';
import { Lessons, repeatedBy, TAUGHT_TITLE } from '../shared/Lessons.tsx';
import { pickedFrom } from '../state/dropped-files.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import type { Teaches } from '../state/set-up-form.ts';
import { AskTwice, PickFiles } from '../ui/controls.tsx';
import { bytes } from '../ui/format.ts';
import { HubAccessFields } from './SettingField.tsx';
import styles from './form.module.css';

interface Props {
  issue: string | undefined;
}

interface NamedProps {
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
function GgufChoice({ model, onChange }: NamedProps) {
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
          className="link small"
          data-testid="list-ggufs"
          disabled={busy}
          onClick={() => {
            setAsked(repository);
            models.listGgufs(repository);
          }}
        >
          GGUF files of {repository}
        </button>
        {error !== null && asked === repository && <p className="help bad">{explained(error)}</p>}
      </>
    );
  }
  return (
    <label className="label">
      GGUF file
      <select data-testid="gguf-choice" value={model} onChange={({ target }) => onChange(target.value)}>
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

/** A model folder, or its files, picked or dropped; read in place. */
function PickedModelField({ issue }: Props) {
  const { takeModel, reopenModel, keepModel, removeKept } = usePage();
  const kept = usePageState(({ keptModels }) => keptModels);
  const keeping = usePageState((state) => state.keeping);
  const name = usePageState(({ draft }) => draft.model.slice('picked:'.length));
  const files = usePageState(({ access }) => access.picked.get(name));
  const checking = usePageState(({ checkingModel }) => checkingModel);
  const isPlaced = usePageState(({ placed }) => placed === name);
  const take = (list: File[], handles?: FileSystemFileHandle[]): void => void takeModel(pickedFrom(list), handles);
  const used = modelFilesOf(files ?? []);
  const size = bytes(used.reduce((sum, { blob }) => sum + blob.size, 0));
  return (
    <div className={`stack small ${styles.empty}`} data-testid="model-drop">
      <p>
        {checking !== null
          ? `Checking the files of ${checking}…`
          : used.length === 0
            ? `Drop ${name === '' ? 'a model folder or GGUF file' : `the files of ${name}`} here, or`
            : `${name}: ${used.length} ${used.length === 1 ? 'file' : 'files'}, ${size}`}
      </p>
      <div className="buttons">
        <PickFiles label="Choose a folder" folder testId="pick-model-folder" take={take} />
        <PickFiles label="Choose files" multiple places testId="pick-model-files" take={take} />
        {used.length === 0 && isPlaced && (
          <button type="button" data-testid="reopen-model" onClick={() => void reopenModel(name)}>
            Open {name} again
          </button>
        )}
      </div>
      {used.length > 0 && !kept.some((one) => one.name === name) && (
        <button type="button" data-testid="keep-model" disabled={keeping !== null} onClick={() => void keepModel(name)}>
          {keeping === null
            ? `Keep a copy in this browser (${size}), or ${isPlaced ? 'the browser may ask after a reload whether the page may read it' : 'it is asked for after each reload'}`
            : `Copying: ${bytes(keeping)}…`}
        </button>
      )}
      {kept.map((one) => (
        <p key={one.name} className="second" data-testid="kept-model">
          This browser keeps a copy of {one.name} ({bytes(one.bytes)}).{' '}
          <AskTwice
            verb="Remove"
            of={`the copy of ${one.name}`}
            className="act"
            act={() => void removeKept(one.name)}
          />
        </p>
      ))}
      <p className={issue === undefined || name === '' ? 'help' : 'help bad'}>
        {issue === undefined || name === ''
          ? 'config.json, tokenizer.json, tokenizer_config.json and model.safetensors or its shards; or a GGUF file. Read in place, never uploaded.'
          : issue}
      </p>
    </div>
  );
}

interface Choice {
  label: string;
  /** The text that the model field starts with when this is chosen. */
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

/** The model that the next run teaches more: what it knows, which cannot be changed. */
export function TaughtField({ teaches: { model }, issue }: { teaches: Teaches; issue: string | undefined }) {
  const { teach } = usePage();
  const { settings, lessons } = model;
  const repeated = repeatedBy(settings);
  return (
    <section className="stack" data-testid="teaches" aria-labelledby={TAUGHT_TITLE}>
      <h2 id={TAUGHT_TITLE} className="label" tabIndex={-1}>
        The model knows {lessons.length === 1 ? '1 task' : `${lessons.length} tasks`}
      </h2>
      <Lessons model={model} />
      <p className="help">
        On {modelText(settings.model)}. The files of these tasks are not needed any more.
        {repeated && ` While it learns, ${methodTitle(settings.method)} repeats ${repeated}; the model carries those.`}
      </p>
      {isPicked(settings.model) && <PickedModelField issue={undefined} />}
      {issue !== undefined && <p className="help bad">{issue}</p>}
      <button type="button" className="link small" onClick={() => teach(null)}>
        Begin with {modelText(settings.model)} instead
      </button>
    </section>
  );
}

/** Where the model comes from. */
export function ModelField({ issue }: Props) {
  const { chooseModel } = usePage();
  const model = usePageState(({ draft }) => draft.model);
  const id = useId();
  return (
    <fieldset className="stack" data-testid="model-field">
      <legend className="label">Model</legend>
      <div className="stack">
        {CHOICES.map(({ label, start, holds }) => (
          <label key={start} className="choice">
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

function NamedModel({ model, issue, onChange }: NamedProps & Props) {
  const { changeView } = usePage();
  const id = useId();
  // An empty field or a half-typed name is not an error yet.
  const [wasLeft, setWasLeft] = useState(false);
  const shown = wasLeft && model !== '' ? issue : undefined;
  return (
    <>
      <input
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
      <p id={`${id}-help`} className={shown === undefined ? 'help' : 'help bad'}>
        {shown ??
          'A model of a supported family (T5, LLaMA, Qwen, Mistral, SmolLM3, Gemma 3 …): org/name or org/name@revision on the hub, a GGUF file there (org/name:FILE.gguf), or the address of a folder or GGUF file. The presets suit the embedded model; the paper trains t5-large with learning rates 1e-3 and 1e-5, prompts of 512 tokens and answers of 50.'}
      </p>
      <button type="button" className="link small" onClick={() => changeView({ tab: 'models' })}>
        Known and stored models
      </button>
      <GgufChoice model={model} onChange={onChange} />
      <HubAccessFields of="models" />
    </>
  );
}
