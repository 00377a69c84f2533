import { type ComponentProps, type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { type ErrorReport, reportOf } from '../../base/errors.ts';
import { ErrorLine } from './blocks.tsx';
import { whole } from './format.ts';
import { copied } from './hooks.ts';
import styles from './ui.module.css';

interface PickFilesProps {
  label: string;
  /** Endings and types of the files, as the browser's picker takes them; all by default. */
  accept?: string;
  multiple?: boolean;
  /** Whether it asks for a folder, with all files in it. */
  folder?: boolean;
  disabled?: boolean;
  testId?: string;
  /** @param handles where the files are, if the browser's picker tells it and `places` asks for it. */
  take: (files: File[], handles?: FileSystemFileHandle[]) => void;
  places?: boolean;
}

/** A button that asks for files and passes on those chosen, if any. */
export function PickFiles({ label, accept, multiple, folder = false, disabled, testId, take, places }: PickFilesProps) {
  const hasPicker = useRef('showOpenFilePicker' in globalThis);
  const pick = async (input: HTMLElement | null): Promise<void> => {
    try {
      const handles = await showOpenFilePicker({ multiple: multiple === true });
      take(await Promise.all(handles.map((handle) => handle.getFile())), handles);
    } catch (thrown) {
      if (thrown instanceof DOMException && thrown.name === 'AbortError') return; // closed without a choice
      hasPicker.current = false; // as in a frame of another site: the plain field asks instead
      input?.click();
    }
  };
  return (
    <label
      className="button"
      data-disabled={disabled}
      onClick={(event) => {
        if (places !== true || disabled === true || !hasPicker.current) return;
        event.preventDefault();
        void pick(event.currentTarget.control);
      }}
    >
      {label}
      <input
        type="file"
        className="hidden-visually"
        data-testid={testId}
        accept={accept}
        multiple={multiple}
        disabled={disabled}
        {...(folder && { webkitdirectory: '' })}
        onChange={({ target }) => {
          const files = [...(target.files ?? [])];
          target.value = ''; // so that choosing the same again counts
          if (files.length > 0) take(files);
        }}
      />
    </label>
  );
}

/** A small button of a row in a table or a list. @param label names its object too, for those who do not see the row. */
export function Act({ label, ...rest }: ComponentProps<'button'> & { label: string }) {
  return <button type="button" className="act" aria-label={label} {...rest} />;
}

interface CheckProps {
  isOn: boolean;
  isDisabled?: boolean;
  className?: string;
  testId?: string;
  set: (isOn: boolean) => void;
  children: ReactNode;
}

/** A box to tick, with its label. */
export function Check({ isOn, isDisabled, className = 'choice', testId, set, children }: CheckProps) {
  return (
    <label className={className}>
      <input
        type="checkbox"
        data-testid={testId}
        checked={isOn}
        disabled={isDisabled}
        onChange={({ target }) => set(target.checked)}
      />
      {children}
    </label>
  );
}

interface ChoiceProps<Value extends string | number> {
  label: string;
  options: readonly { value: Value; label: string }[];
  value: Value;
  testId: string;
  onChange: (value: Value) => void;
}

/** A labelled menu. */
export function Choice<Value extends string | number>({ label, options, value, testId, onChange }: ChoiceProps<Value>) {
  const choose = (chosen: string): void => {
    const option = options.find((one) => String(one.value) === chosen);
    if (option !== undefined) onChange(option.value);
  };
  return (
    <label className="choice">
      {label}
      <select data-testid={testId} value={value} onChange={({ target }) => choose(target.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}

interface SegmentedProps<Value extends string> {
  label: string;
  options: readonly { value: Value; label: string }[];
  value: Value;
  onChange: (value: Value) => void;
}

/** Radio buttons drawn as one control, so that arrow keys work natively. */
export function Segmented<Value extends string>({ label, options, value, onChange }: SegmentedProps<Value>) {
  const name = useId();
  return (
    <div role="radiogroup" aria-label={label} className={styles.segmented}>
      {options.map((option) => (
        <label key={option.value} className={styles.option}>
          <input
            type="radio"
            className="hidden-visually"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </div>
  );
}

interface TabsProps<Id extends string> {
  label: string;
  tabs: readonly { id: Id; label: string }[];
  selected: Id;
  onSelect: (id: Id) => void;
  /** Between the tabs and the panel: what concerns all of them. */
  notices?: ReactNode;
  /** The selected tab's panel. */
  children: ReactNode;
}

/** Tabs that follow the ARIA pattern: one tab stop; arrows, Home and End move and select. */
export function Tabs<Id extends string>({ label, tabs, selected, onSelect, notices, children }: TabsProps<Id>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  // On a narrow screen the selected tab may be out of sight.
  useEffect(() => {
    const tab = list.current?.querySelector<HTMLElement>('[aria-selected=true]');
    if (list.current === null || !tab) return;
    const middle = tab.offsetLeft - list.current.offsetLeft + tab.offsetWidth / 2;
    list.current.scrollLeft = middle - list.current.clientWidth / 2;
  }, [selected]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = tabs.findIndex((tab) => tab.id === selected);
    const moves: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const next = (move + tabs.length) % tabs.length;
    const tab = tabs[next];
    if (tab === undefined) return;
    onSelect(tab.id);
    list.current?.querySelectorAll<HTMLElement>('[role=tab]')[next]?.focus();
  };
  return (
    <>
      <div ref={list} role="tablist" aria-label={label} className={styles.tabs} onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-${tab.id}`}
            data-testid={`tab-${tab.id}`}
            aria-selected={tab.id === selected}
            aria-controls={`${id}-panel`}
            tabIndex={tab.id === selected ? 0 : -1}
            className={`bare ${styles.tab}`}
            onClick={() => onSelect(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      {notices}
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${selected}`} className={styles.panel}>
        {children}
      </div>
    </>
  );
}

interface AskTwiceProps {
  verb: 'Remove' | 'Forget' | 'End';
  /** The object of the verb, for those who do not see where the button stands: `the model of the run`. */
  of: string;
  /** The part of it that the label shows, if it is more than the verb. */
  what?: string;
  /** Whether it shows that only once it is asked. */
  isShort?: boolean;
  /** `act` for its buttons in a row of a table or list. */
  className?: 'act';
  isDisabled?: boolean;
  testId?: string;
  act: () => void;
}

/**
 * A button that removes what cannot be made again, once a second button confirms it: neither a slip nor a double click
 * does.
 */
export function AskTwice({
  verb,
  of,
  what = '',
  isShort = false,
  className,
  isDisabled = false,
  testId,
  act,
}: AskTwiceProps) {
  const [isAsked, setAsked] = useState(false);
  const label = isAsked ? `Do not ${verb.toLowerCase()}` : `${verb}${isShort ? '' : what}…`;
  const confirm = verb === 'End' ? 'End without saving' : `${verb} for good${isShort ? what : ''}`;
  return (
    <>
      <button
        type="button"
        className={className}
        disabled={isDisabled}
        aria-label={`${label} ${of}`}
        data-testid={testId}
        onClick={() => setAsked(!isAsked)}
      >
        {label}
      </button>
      {isAsked && (
        <button
          type="button"
          className={className}
          disabled={isDisabled}
          aria-label={`${confirm} ${of}`}
          data-testid={testId === undefined ? undefined : `${testId}-for-good`}
          onClick={() => {
            setAsked(false);
            act();
          }}
        >
          {confirm}
        </button>
      )}
    </>
  );
}

interface CopyLinkProps<Of> {
  label: string;
  testId: string;
  /** The value that the link holds; a link that was made of another is no longer shown. */
  of: Of;
  /** Returns null if there is no link and the page says why elsewhere. */
  link: (of: Of) => string | null | Promise<string | null>;
  /** A note about the link, beside it. */
  note?: (link: string) => ReactNode;
  /** Beside the button. */
  children?: ReactNode;
}

/** A button that copies a link, and the link itself once it has been made. */
export function CopyLink<Of>({ label, testId, of, link: make, note, children }: CopyLinkProps<Of>) {
  const [made, setMade] = useState<{ link: string; of: Of; isCopied: boolean } | null>(null);
  const [problem, setProblem] = useState<ErrorReport | null>(null);
  const id = useId();
  const shown = made?.of === of ? made : null;
  const copy = async (): Promise<void> => {
    setProblem(null);
    try {
      const link = await make(of);
      if (link === null) return;
      // Browsers refuse if the page lacks focus or is not secure; the user can then copy the link by hand.
      setMade({ link, of, isCopied: await copied(link) });
    } catch (error) {
      setProblem(reportOf(error));
    }
  };
  return (
    <>
      <div className="buttons">
        <button type="button" data-testid={testId} onClick={() => void copy()}>
          {label}
        </button>
        {children}
      </div>
      <div role="status" className="help">
        {shown !== null && (
          <>
            <label htmlFor={id}>{shown.isCopied ? 'Copied:' : 'Copy this:'}</label>
            <input
              id={id}
              className={styles.address}
              data-testid="link"
              readOnly
              value={shown.link}
              onFocus={({ target }) => target.select()}
            />
            {note?.(shown.link)}
          </>
        )}
      </div>
      {problem !== null && <ErrorLine error={problem} isNew />}
    </>
  );
}

interface UnreadProps {
  /** How many things are stored that this version of the page cannot read. */
  count: number;
  /** The word for one of them, and for several. */
  name: readonly [string, string];
  isDisabled?: boolean;
  remove: () => void;
}

/** Says that there are things that cannot be read, and offers to remove them. */
export function Unread({ count, name: [one, several], isDisabled = false, remove }: UnreadProps) {
  if (count === 0) return null;
  return (
    <div className="buttons spaced" data-testid="unread">
      <p className="about">
        {count === 1
          ? `1 ${one} cannot be read: it is damaged, or from another version of this page. It stays stored.`
          : `${whole(count)} ${several} cannot be read: they are damaged, or from another version of this page. They stay stored.`}{' '}
        Reload the page, in case it is out of date.
      </p>
      <AskTwice verb="Remove" of={`unreadable ${several}`} isDisabled={isDisabled} act={remove} />
    </div>
  );
}
