import { useId, useState } from 'react';
import type { RunSettings } from '../../run/settings/settings.ts';
import { usePage } from '../state/page-context.tsx';
import type { ChoiceField, Field, NumberField } from '../state/fields.ts';
import { typedNumber } from '../ui/typed-number.ts';
import styles from './form.module.css';

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
  // While it has the focus, the field shows what a person types (`1e-`): not the number parsed from that, and not one that
  // the page sets meanwhile, whose digits would mix with those being typed.
  const [typed, setTyped] = useState<string | null>(null);
  const value = field.read(settings);
  const refused = refusal(typed, field);
  const fault = refused ?? issue;
  const note = fault ?? field.unusual(value) ?? field.help;
  return (
    <div className={styles.row}>
      <label htmlFor={id}>{field.label}</label>
      <input
        id={id}
        className={styles.number}
        type="text"
        autoComplete="off"
        inputMode={field.integer ? 'numeric' : 'decimal'}
        data-setting={field.id}
        value={typed ?? valueText(value, field)}
        aria-invalid={fault !== undefined}
        aria-describedby={`${id}-help`}
        onChange={({ target }) => {
          setTyped(target.value);
          const read = typedNumber(target.value, field.integer, field.shares);
          edit((draft) => field.write(draft, typeof read === 'object' && read !== null ? read.value : Number.NaN));
        }}
        onFocus={() => setTyped((before) => before ?? valueText(value, field))}
        // What is no number stays in sight; a number is shown as it was understood.
        onBlur={() => refused === undefined && setTyped(null)}
      />
      <p
        id={`${id}-help`}
        className={fault !== undefined ? 'help bad' : note === field.help ? 'help' : 'help warn'}
        data-testid={note === field.help || fault !== undefined ? undefined : 'unusual'}
      >
        {note}
      </p>
    </div>
  );
}

/** A value as its field shows it: among counts, a share in percent. */
function valueText(value: number, { integer, shares }: NumberField): string {
  if (Number.isNaN(value)) return '';
  return integer && shares && value > 0 && value < 1 ? `${Number((100 * value).toPrecision(10))} %` : String(value);
}

/** Why a typed text is not taken as a number; undefined if it is, or if nothing is being typed. */
function refusal(typed: string | null, { integer, shares, range }: NumberField): string | undefined {
  const read = typed === null ? undefined : typedNumber(typed, integer, shares);
  if (read === 'ambiguous') return `“${typed}” can be read in two ways: write it without a separator of thousands.`;
  return read === null ? `Must be ${range}.` : undefined;
}

function ChoiceSetting({ field, settings }: Omit<Props<ChoiceField>, 'issue'>) {
  const { edit } = usePage();
  const id = useId();
  return (
    <div className={`${styles.row} ${styles.broad}`}>
      <label htmlFor={id}>{field.label}</label>
      <select
        id={id}
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
      <p id={`${id}-help`} className="help">
        {field.help}
      </p>
    </div>
  );
}
