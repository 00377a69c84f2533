import { useState } from 'react';
import { usePageState } from '../page-context.tsx';
import { isActive } from '../run-state.ts';
import { CheckpointField } from './CheckpointField.tsx';
import { HandOver } from '../handover/HandOver.tsx';
import { DeviceField } from './DeviceField.tsx';
import { commonFields, moreGroups, perTaskFields } from './fields.ts';
import { GpuShareField } from './GpuShareField.tsx';
import { MemoryField } from './MemoryField.tsx';
import { MethodField } from './MethodField.tsx';
import { ModelField } from './ModelField.tsx';
import { OrderField } from './OrderField.tsx';
import { PreviewField } from './PreviewField.tsx';
import { SettingField } from './SettingField.tsx';
import styles from './SetupPanel.module.css';
import { TrainedLayersField } from './TrainedLayersField.tsx';
import { draftIssues } from './validate.ts';

/** The form of a run. A narrow page folds it, so that the run stays in view. */
export function SetupPanel() {
  const draft = usePageState((state) => state.draft);
  const data = usePageState((state) => state.taskData);
  const active = usePageState(({ run }) => isActive(run.status));
  const [open, setOpen] = useState(false);
  const [moreOpen, setMoreOpen] = useState(false);
  const model = usePageState((state) => state.modelModules);
  const issues = draftIssues(draft, data, model);
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
        className={styles.fold}
        aria-expanded={open}
        aria-controls="setup-form"
        onClick={() => setOpen(!open)}
      >
        Settings
        <span className={styles.foldNow}>
          {draft.method.name} · {draft.order.join(', ')}
        </span>
      </button>
      <form id="setup-form" className={styles.form} data-open={open} onSubmit={(event) => event.preventDefault()}>
        <fieldset disabled={active} className={styles.fields}>
          <MethodField />
          <OrderField
            issue={issues.get('order')}
            sourceIssue={issues.get('tasks')}
            textIssue={issues.get('training.generalText')}
          />
          <ModelField issue={issues.get('model')} />
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
            <summary className={styles.moreTitle}>
              All settings of <code>{draft.method.name}</code>
            </summary>
            {groups.map(({ title, fields }) => (
              <section key={title} className={styles.group} aria-label={`All settings: ${title}`}>
                <h3 className={styles.subtitle}>{title}</h3>
                {fields.map((field) => (
                  <SettingField key={field.id} field={field} settings={draft} issue={issues.get(field.id)} />
                ))}
              </section>
            ))}
          </details>
        </fieldset>
        <HandOver />
      </form>
    </div>
  );
}
