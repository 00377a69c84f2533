import { useId } from 'react';
import { DTYPE_WORDS, ONNX_DTYPES, type OnnxDtype } from '../../onnx/dtypes.ts';
import styles from './FilesSection.module.css';

interface Props {
  isDisabled: boolean;
  dtype: OnnxDtype;
  choose: (dtype: OnnxDtype) => void;
  save: () => void;
}

/** Exports the merged model as ONNX, with the chosen weight format. */
export function OnnxButton({ isDisabled, dtype, choose, save }: Props) {
  const menu = useId();
  return (
    <>
      <button type="button" className={styles.button} data-testid="download-onnx" disabled={isDisabled} onClick={save}>
        ONNX model (zip)
      </button>
      <label className="hidden-visually" htmlFor={menu}>
        Weights of the ONNX model
      </label>
      <select
        id={menu}
        className={styles.button}
        data-testid="onnx-dtype"
        disabled={isDisabled}
        value={dtype}
        onChange={({ target }) => choose(ONNX_DTYPES.find((one) => one === target.value) ?? 'f32')}
      >
        {ONNX_DTYPES.map((one) => (
          <option key={one} value={one}>
            {DTYPE_WORDS[one]}
          </option>
        ))}
      </select>
    </>
  );
}
