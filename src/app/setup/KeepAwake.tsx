import { useId } from 'react';
import { usePage, usePageState } from '../page-context.tsx';
import styles from './field.module.css';

/** Whether the screen stays on while a run goes on. It can be changed meanwhile, too. */
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
      Keep the screen on while a run goes on
    </label>
  );
}
