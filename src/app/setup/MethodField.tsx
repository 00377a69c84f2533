import { useId } from 'react';
import { METHOD_NAMES, type MethodName } from '../../gorp/method-settings.ts';
import { methodSummary } from '../../gorp/methods.ts';
import { usePage, usePageState } from '../page-context.tsx';
import styles from './field.module.css';

/** The methods by what they compare. */
const GROUPS: readonly { title: string; names: readonly MethodName[] }[] = [
  { title: 'GORP', names: ['gorp-plus', 'gorp'] },
  { title: 'Parts of GORP', names: ['gorp-b', 'gorp-bl', 'gorp-bs'] },
  { title: 'LoRA methods', names: ['seq-lora', 'inc-lora', 'o-lora', 'n-lora'] },
  { title: 'Full-rank methods', names: ['seq-ft', 'galore'] },
  { title: 'Upper bounds', names: ['mtl', 'per-task'] },
];

export function MethodField() {
  const { chooseMethod } = usePage();
  const name = usePageState(({ draft }) => draft.method.name);
  const id = useId();
  return (
    <div className={styles.block}>
      <label htmlFor={id} className={styles.label}>
        Method
      </label>
      <select
        id={id}
        className={styles.select}
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
            {names.map((method) => (
              <option key={method} value={method}>
                {method}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
      <p id={`${id}-help`} className={styles.help}>
        {methodSummary(name)}
      </p>
    </div>
  );
}
