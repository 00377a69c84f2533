import { useId } from 'react';
import { MENU, needsInWords } from '../../methods/parts/method.ts';
import { METHOD_NAMES, methodOf, METHODS } from '../../methods/registry.ts';
import { usePage, usePageState } from '../page-context.tsx';
import field from './field.module.css';

/** The methods by menu group, without empty groups. */
const GROUPS = MENU.map((title) => ({
  title,
  names: METHODS.filter(({ menu }) => menu === title).map(({ name }) => name),
})).filter(({ names }) => names.length > 0);

export function MethodField() {
  const { chooseMethod } = usePage();
  const name = usePageState(({ draft }) => draft.method.name);
  const id = useId();
  const method = methodOf({ name });
  return (
    <div className={field.block}>
      <label htmlFor={id} className={field.label}>
        Method
      </label>
      <select
        id={id}
        className={field.select}
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
            {names.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
      <p id={`${id}-help`} className={field.help}>
        {[method.summary, needsInWords(method.needs)].filter((text) => text !== '').join(' ')}
      </p>
    </div>
  );
}
