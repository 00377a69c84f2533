import { useId, useState } from 'react';
import { MENU, needsInWords } from '../../methods/parts/method.ts';
import { METHOD_NAMES, methodOf, METHODS, planOf } from '../../methods/registry.ts';
import { commonFields, moreGroups, perTaskFields } from '../state/fields.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import { CHECKPOINT_MINUTES, GPU_SHARES } from '../state/preferences.ts';
import { isActive } from '../state/run-state.ts';
import { draftIssues } from '../state/validate.ts';
import { bytes } from '../ui/format.ts';
import styles from './form.module.css';
import { MemoryField } from './MemoryField.tsx';
import { ModelField, TaughtField } from './ModelField.tsx';
import { OrderField } from './OrderField.tsx';
import { ChoiceRow, DeviceField, PreviewField, SettingField } from './SettingField.tsx';
import { ShareSetUp } from './Sharing.tsx';
import { TrainedLayersField } from './TrainedLayersField.tsx';

/** How often the run is saved, so that it can resume after a crash or a reload. */
function CheckpointField() {
  const { prefer } = usePage();
  const minutes = usePageState(({ checkpointMinutes }) => checkpointMinutes);
  const size = usePageState(({ memoryPlan }) => (memoryPlan.status === 'planned' ? memoryPlan.plan.checkpoint : null));
  const room = minutes > 0 && size !== null ? ` Stores two checkpoints of up to ${bytes(size)} each.` : '';
  return (
    <ChoiceRow
      label="Save the run"
      width={styles.roomy}
      mark={{ 'data-testid': 'checkpoint-minutes' }}
      options={CHECKPOINT_MINUTES.map((one) => ({
        value: `${one}`,
        label: one === 0 ? 'never' : one === 1 ? 'every minute' : `every ${one} minutes`,
      }))}
      value={`${minutes}`}
      choose={(value) => prefer({ checkpointMinutes: Number(value) })}
      help={`Lets the run resume after a crash, a reload or a stop.${room}`}
    />
  );
}

/** The share of the graphics card's time that the next run may use. */
function GpuShareField() {
  const { prefer } = usePage();
  const share = usePageState(({ gpuShare }) => gpuShare);
  return (
    <ChoiceRow
      label="Share of the GPU"
      mark={{ 'data-testid': 'gpu-share' }}
      options={GPU_SHARES.map((percent) => ({ value: `${percent}`, label: `${percent} %` }))}
      value={`${share}`}
      choose={(value) => prefer({ gpuShare: Number(value) })}
      help="Below 100 %, training takes short breaks so that games, films and other pages stay smooth."
    />
  );
}

/** The methods by menu group, without empty groups. */
const GROUPS = MENU.map((title) => ({
  title,
  names: METHODS.filter(({ menu }) => menu === title).map(({ name }) => name),
})).filter(({ names }) => names.length > 0);

export function MethodField() {
  const { chooseMethod } = usePage();
  const method = usePageState(({ draft }) => draft.method);
  const { name } = method;
  const id = useId();
  return (
    <div className="stack">
      <label htmlFor={id} className="label">
        Method
      </label>
      <select
        id={id}
        data-testid="method-select"
        value={name}
        aria-describedby={`${id}-help`}
        onChange={({ target }) => {
          const chosen = METHOD_NAMES.find((candidate) => candidate === target.value);
          if (chosen !== undefined) chooseMethod(chosen);
        }}
      >
        {GROUPS.map(({ title, names }) => (
          <optgroup key={title} label={title}>
            {names.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
      <p id={`${id}-help`} className="help">
        {[methodOf(method).summary, needsInWords(planOf(method))].filter((text) => text !== '').join(' ')}
      </p>
    </div>
  );
}

/** The form of a run. A narrow page folds it, so that the run stays in view. */
export function SetupPanel() {
  const draft = usePageState((state) => state.draft);
  const data = usePageState((state) => state.userTasks);
  const active = usePageState(({ run }) => isActive(run.status));
  const [open, setOpen] = useState(false);
  const [moreOpen, setMoreOpen] = useState(false);
  const model = usePageState((state) => state.modelModules);
  const teaches = usePageState((state) => state.teaches);
  const issues = draftIssues(draft, data, model, teaches);
  // What to teach next is asked in the form, which a narrow page may have folded.
  const key = teaches?.key ?? null;
  const [shownFor, setShownFor] = useState(key);
  if (shownFor !== key) {
    setShownFor(key);
    if (key !== null) setOpen(true);
  }
  const common = commonFields(draft.method.name);
  const epochs = common.findIndex(({ id }) => id === 'training.epochs') + 1;
  const firstFields = [...common.slice(0, epochs), ...perTaskFields(draft), ...common.slice(epochs)].filter((field) =>
    field.applies(draft),
  );
  const groups = moreGroups(draft.method.name)
    .map(({ title, fields }) => ({
      title,
      fields: fields.filter((field) => field.applies(draft)),
    }))
    .filter(({ fields }) => fields.length > 0);
  const hidesIssue = groups.some(({ fields }) => fields.some(({ id }) => issues.has(id)));
  return (
    <div className={styles.panel}>
      <button
        type="button"
        className={`bare ${styles.fold}`}
        aria-expanded={open}
        aria-controls="setup-form"
        onClick={() => setOpen(!open)}
      >
        Settings
        <span className="muted small cut">
          {draft.method.name} · {[...(teaches?.model.lessons.map(({ name }) => name) ?? []), ...draft.order].join(', ')}
        </span>
      </button>
      <form id="setup-form" className={styles.form} data-open={open} onSubmit={(event) => event.preventDefault()}>
        <fieldset disabled={active} className={styles.fields}>
          {teaches && <TaughtField key={teaches.key} teaches={teaches} issue={issues.get('teaches')} />}
          {!teaches && <MethodField />}
          <OrderField
            issue={issues.get('order')}
            sourceIssue={issues.get('tasks')}
            textIssue={issues.get('training.generalText')}
          />
          {teaches ? <MethodField /> : <ModelField issue={issues.get('model')} />}
          <section className={styles.group} aria-labelledby="setup-common">
            <h2 id="setup-common" className={styles.title}>
              Settings
            </h2>
            {firstFields.map((field) => (
              <SettingField key={field.id} field={field} settings={draft} issue={issues.get(field.id)} />
            ))}
          </section>
          <PreviewField />
          <TrainedLayersField issue={issues.get('training.loraModules') ?? issues.get('training.fullRankModules')} />
          <DeviceField />
          <MemoryField />
          <GpuShareField />
          <CheckpointField />
          <details
            className={styles.more}
            open={moreOpen || hidesIssue}
            onToggle={(event) => setMoreOpen(event.currentTarget.open)}
          >
            <summary>
              All settings of <code>{draft.method.name}</code>
            </summary>
            {groups.map(({ title, fields }) => (
              <section key={title} className={styles.group} aria-label={`All settings: ${title}`}>
                <h3 className={`muted small ${styles.title}`}>{title}</h3>
                {fields.map((field) => (
                  <SettingField key={field.id} field={field} settings={draft} issue={issues.get(field.id)} />
                ))}
              </section>
            ))}
          </details>
        </fieldset>
        {!teaches && <ShareSetUp />}
      </form>
    </div>
  );
}
