import { useId } from 'react';
import styles from './FilesSection.module.css';

interface Props<Dtype extends string> {
  /** `onnx` or `gguf`, for tests. */
  id: string;
  title: string;
  /** Of the menu of weight formats. */
  label: string;
  words: Readonly<Record<Dtype, string>>;
  options: readonly Dtype[];
  isDisabled: boolean;
  dtype: Dtype;
  choose: (dtype: Dtype) => void;
  save: () => void;
}

/** Exports the merged model in a format, with the chosen weight format. */
export function ExportButton<Dtype extends string>(props: Props<Dtype>) {
  const { id, title, label, words, options, isDisabled, dtype, choose, save } = props;
  const menu = useId();
  return (
    <>
      <button
        type="button"
        className={styles.button}
        data-testid={`download-${id}`}
        disabled={isDisabled}
        onClick={save}
      >
        {title}
      </button>
      <label className="hidden-visually" htmlFor={menu}>
        {label}
      </label>
      <select
        id={menu}
        className={styles.button}
        data-testid={`${id}-dtype`}
        disabled={isDisabled}
        value={dtype}
        onChange={({ target }) => choose(options.find((one) => one === target.value) ?? options[0])}
      >
        {options.map((one) => (
          <option key={one} value={one}>
            {words[one]}
          </option>
        ))}
      </select>
    </>
  );
}
