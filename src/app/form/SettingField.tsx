import { useId, useState } from 'react';
import { isSecureAddress } from '../../base/address.ts';
import type { DeviceChoice } from '../../base/device-choice.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { hubOrigin } from '../../weights/hub.ts';
import type { ChoiceField, Field, NumberField } from '../state/fields.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import { countsOf, ErrorLine, ReadExample } from '../ui/blocks.tsx';
import { Check, Segmented } from '../ui/controls.tsx';
import { typedNumber } from '../ui/hooks.ts';
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
  const [text, setTyped] = useState<string | null>(null);
  const [hasFocus, setFocus] = useState(false);
  const value = field.read(settings);
  const typed = stillTyped(text, hasFocus, value);
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
        onFocus={() => {
          setFocus(true);
          setTyped(typed ?? valueText(value, field));
        }}
        // What is no number stays in sight; a number is shown as it was understood.
        onBlur={() => {
          setFocus(false);
          if (refused === undefined) setTyped(null);
        }}
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

/** The text of a number field that shows instead of its value: after it was left, only until the settings get a number. */
export const stillTyped = (text: string | null, hasFocus: boolean, value: number): string | null =>
  hasFocus || Number.isNaN(value) ? text : null;

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
  return (
    <ChoiceRow
      label={field.label}
      width={styles.broad}
      mark={{ 'data-setting': field.id }}
      options={field.options}
      value={field.read(settings)}
      choose={(value) => edit((draft) => field.write(draft, value))}
      help={field.help}
    />
  );
}

/** A row of the form with a choice. */
export function ChoiceRow({
  label,
  width = '',
  mark,
  options,
  value,
  choose,
  help,
}: {
  label: string;
  /** A class. */
  width?: string | undefined;
  /** The attribute by which it is found. */
  mark: Readonly<Record<`data-${string}`, string>>;
  options: readonly { value: string; label: string }[];
  value: string;
  choose: (value: string) => void;
  help: string;
}) {
  const id = useId();
  return (
    <div className={`${styles.row} ${width}`}>
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        {...mark}
        value={value}
        aria-describedby={`${id}-help`}
        onChange={({ target }) => choose(target.value)}
      >
        {options.map((one) => (
          <option key={one.value} value={one.value}>
            {one.label}
          </option>
        ))}
      </select>
      <p id={`${id}-help`} className="help">
        {help}
      </p>
    </div>
  );
}

/** Whether the screen stays on during a run. It can be changed at any time. */
export function KeepAwake() {
  const { prefer } = usePage();
  const keepAwake = usePageState((state) => state.keepAwake);
  return (
    <Check testId="keep-awake" isOn={keepAwake} set={(isOn) => prefer({ keepAwake: isOn })}>
      Keep the screen on during a run
    </Check>
  );
}

const CHOICES: readonly { value: DeviceChoice; label: string }[] = [
  { value: 'auto', label: 'Automatic' },
  { value: 'gpu', label: 'GPU' },
  { value: 'cpu', label: 'CPU' },
];

/** Chooses the device to train on, and whether the screen stays on. Both belong to this machine, not to a run's settings. */
export function DeviceField() {
  const { prefer } = usePage();
  const device = usePageState((state) => state.device);
  return (
    <div className="stack" data-testid="device-field">
      <span className="label">Device</span>
      <Segmented label="Device" options={CHOICES} value={device} onChange={(next) => prefer({ device: next })} />
      <p className="help">Automatic uses the graphics card if the browser can, otherwise the CPU.</p>
      <KeepAwake />
    </div>
  );
}

/** The hub, and the token for its gated models and data sets. Both exist in memory only, until the page closes. */
export function HubAccessFields({ of }: { of: 'models' | 'data sets' }) {
  const { setHub, setToken } = usePage();
  const hub = usePageState(({ access }) => access.hub);
  const id = useId();
  const origin = hubOrigin(hub.endpoint);
  const receiver = origin !== null && isSecureAddress(origin) ? origin : null;
  return (
    <details className="small">
      <summary>Gated {of} and mirrors</summary>
      <div className="stack">
        <label htmlFor={`${id}-hub`}>Hub</label>
        <input
          id={`${id}-hub`}
          type="url"
          spellCheck={false}
          value={hub.endpoint}
          onChange={({ target }) => setHub(target.value.trim())}
        />
        <label htmlFor={`${id}-token`}>Access token</label>
        <input
          id={`${id}-token`}
          type="password"
          autoComplete="off"
          spellCheck={false}
          placeholder="hf_…"
          value={hub.token ?? ''}
          disabled={receiver === null}
          aria-describedby={`${id}-token-help`}
          onChange={({ target }) => {
            const token = target.value.trim();
            setToken(token === '' ? null : token);
          }}
        />
        <p id={`${id}-token-help`} className="help">
          {receiver === null
            ? 'First enter the https:// address of the hub.'
            : `Sent only to ${receiver}, when you start a run, download or look up a model, or read a data set. Not stored: enter it again after a reload or for another hub.`}
        </p>
      </div>
    </details>
  );
}

/** The first example as the model would read it with the current settings; read when unfolded. */
export function PreviewField() {
  const { preview } = usePage();
  const status = usePageState((state) => state.preview.status);
  return (
    <details
      className={styles.more}
      data-testid="preview"
      data-status={status}
      onToggle={(event) => (event.currentTarget.open ? preview.open() : preview.close())}
    >
      <summary className="label">What the model reads</summary>
      <Shown />
    </details>
  );
}

function Shown() {
  const { preview } = usePage();
  const state = usePageState((all) => all.preview);
  const example = state.status === 'read' ? state.preview : state.status === 'reading' ? state.last : null;
  return (
    <div className="stack" aria-live="polite">
      {state.status === 'none' && <p className="help">Shown once the settings are complete.</p>}
      {state.status === 'reading' && example === null && <p className="help">Reading…</p>}
      {state.status === 'read' && example === null && <p className="help">The first task has no examples.</p>}
      {state.status === 'failed' && <ErrorLine error={state.error} isNew={false} />}
      {state.status === 'elsewhere' && (
        <>
          <p className="help">The tokenizer or the task is on another server.</p>
          <button type="button" className="link small" data-testid="preview-look-up" onClick={preview.lookUp}>
            Load it to show an example
          </button>
        </>
      )}
      {example !== null && (
        <>
          <p className="help">
            {countsOf(example)} {example.cut && 'Its text is cut to the prompt length.'}
          </p>
          <ReadExample {...example} />
        </>
      )}
    </div>
  );
}
