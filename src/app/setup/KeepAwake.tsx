import { useId } from 'react';
import { usePage, usePageState } from '../page-context.tsx';
import styles from './field.module.css';

/** Whether the screen stays on during a run. It can be changed at any time. */
export function KeepAwake() {
  const { prefer } = usePage();
  const keepAwake = usePageState((state) => state.keepAwake);
  const id = useId();
  return (
    <label className={styles.radio} htmlFor={id}>
      <input
        id={id}
        type="checkbox"
        checked={keepAwake}
        data-testid="keep-awake"
        onChange={({ target }) => prefer({ keepAwake: target.checked })}
      />
      Keep the screen on during a run
    </label>
  );
}
