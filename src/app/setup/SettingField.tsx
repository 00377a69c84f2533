import { useId, useState } from 'react';
import type { RunSettings } from '../../run/settings.ts';
import { usePage } from '../page-context.tsx';
import type { ChoiceField, Field, NumberField } from './fields.ts';
import styles from './field.module.css';

interface Props<F extends Field> {
  field: F;
  settings: RunSettings;
  /** Why the value is invalid; undefined if it is valid. */
  issue: string | undefined;
}

/** One setting with its label and help. */
export function SettingField({ field, settings, issue }: Props<Field>) {
  return field.kind === 'number' ? (
    <NumberSetting field={field} settings={settings} issue={issue} />
  ) : (
    <ChoiceSetting field={field} settings={settings} />
  );
}

function NumberSetting({ field, settings, issue }: Props<NumberField>) {
  const { edit } = usePage();
  const id = useId();
  // While a person types, the field shows the typed text (`1e-`), not the number parsed from it.
  const [typed, setTyped] = useState<string | null>(null);
  const value = field.read(settings);
  return (
    <div className={styles.row}>
      <label htmlFor={id}>{field.label}</label>
      <input
        id={id}
        className={`${styles.input} ${styles.number}`}
        type="number"
        inputMode={field.integer ? 'numeric' : 'decimal'}
        step="any"
        data-setting={field.id}
        value={typed ?? (Number.isNaN(value) ? '' : String(value))}
        aria-invalid={issue !== undefined}
        aria-describedby={`${id}-help`}
        onChange={({ target }) => {
          setTyped(target.value);
          edit((draft) => field.write(draft, target.valueAsNumber));
        }}
        onBlur={() => setTyped(null)}
      />
      <p id={`${id}-help`} className={issue === undefined ? styles.help : styles.issue}>
        {issue ?? field.help}
      </p>
    </div>
  );
}

function ChoiceSetting({ field, settings }: Omit<Props<ChoiceField>, 'issue'>) {
  const { edit } = usePage();
  const id = useId();
  return (
    <div className={`${styles.row} ${styles.wide}`}>
      <label htmlFor={id}>{field.label}</label>
      <select
        id={id}
        className={styles.select}
        data-setting={field.id}
        value={field.read(settings)}
        aria-describedby={`${id}-help`}
        onChange={({ target }) => edit((draft) => field.write(draft, target.value))}
      >
        {field.options.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <p id={`${id}-help`} className={styles.help}>
        {field.help}
      </p>
    </div>
  );
}
