import { useEffect, useId, useRef } from 'react';
import { EMBEDDED_ORDER } from '../../run/presets.ts';
import { usePage, usePageState } from '../page-context.tsx';
import { BENCHMARK_TASKS, EMBEDDED_TASKS } from './catalogue.ts';
import fieldStyles from './field.module.css';
import styles from './OrderField.module.css';

interface Props {
  issue: string | undefined;
}

type Direction = 'up' | 'down';

/** The tasks in the order they are learned, and where they come from. */
export function OrderField({ issue }: Props) {
  const { edit } = usePage();
  const order = usePageState(({ draft }) => draft.order);
  const source = usePageState(({ draft }) => draft.tasks);
  const id = useId();
  const list = useRef<HTMLOListElement>(null);
  const moved = useRef<{ name: string; direction: Direction } | null>(null);
  const embedded = source === 'embedded';
  const known = embedded ? EMBEDDED_TASKS.map(({ name }) => name) : BENCHMARK_TASKS;
  const addable = known.filter((name) => !order.includes(name));

  const setOrder = (next: string[]): void => edit((draft) => ({ ...draft, order: next }));
  const move = (index: number, direction: Direction): void => {
    const target = direction === 'up' ? index - 1 : index + 1;
    const name = order[index];
    const other = order[target];
    if (name === undefined || other === undefined) return;
    moved.current = { name, direction };
    setOrder(order.map((old, i) => (i === index ? other : i === target ? name : old)));
  };

  // Moving an item takes the focus from its button; give it back, or to the other one at an end of the list.
  useEffect(() => {
    if (moved.current === null) return;
    const { name, direction } = moved.current;
    moved.current = null;
    const item = list.current?.querySelector(`[data-task="${CSS.escape(name)}"]`);
    const button = item?.querySelector<HTMLButtonElement>(`[data-move=${direction}]:not(:disabled)`);
    (button ?? item?.querySelector<HTMLButtonElement>('[data-move]:not(:disabled)'))?.focus();
  }, [order]);

  return (
    <fieldset className={fieldStyles.block}>
      <legend className={fieldStyles.label}>Tasks, in the order they are learned</legend>
      <ol className={styles.list} ref={list} data-testid="task-order">
        {order.map((name, index) => (
          <li key={name} className={styles.item} data-task={name}>
            <span className={styles.number}>{index + 1}</span>
            <span className={styles.name}>{name}</span>
            <button
              type="button"
              className={styles.button}
              data-move="up"
              aria-label={`Learn ${name} earlier`}
              disabled={index === 0}
              onClick={() => move(index, 'up')}
            >
              ↑
            </button>
            <button
              type="button"
              className={styles.button}
              data-move="down"
              aria-label={`Learn ${name} later`}
              disabled={index === order.length - 1}
              onClick={() => move(index, 'down')}
            >
              ↓
            </button>
            <button
              type="button"
              className={styles.button}
              aria-label={`Leave out ${name}`}
              onClick={() => setOrder(order.filter((other) => other !== name))}
            >
              ×
            </button>
          </li>
        ))}
      </ol>
      {addable.length > 0 && (
        <select
          className={fieldStyles.select}
          aria-label="Add a task"
          value=""
          onChange={({ target }) => setOrder([...order, target.value])}
        >
          <option value="" disabled>
            Add a task…
          </option>
          {addable.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
      <div className={fieldStyles.radios}>
        <label className={fieldStyles.radio}>
          <input
            type="radio"
            name={id}
            checked={embedded}
            onChange={() => edit((draft) => ({ ...draft, tasks: 'embedded', order: EMBEDDED_ORDER.slice() }))}
          />
          Embedded tasks
        </label>
        <label className={fieldStyles.radio}>
          <input
            type="radio"
            name={id}
            checked={!embedded}
            onChange={() => edit((draft) => ({ ...draft, tasks: '', order: BENCHMARK_TASKS.slice(0, 4) }))}
          />
          Folder laid out as CL_Benchmark
        </label>
      </div>
      {!embedded && (
        <input
          className={fieldStyles.input}
          type="url"
          aria-label="Address of the task folder"
          placeholder="https://example.org/tasks/"
          value={source}
          aria-invalid={issue !== undefined}
          aria-describedby={`${id}-help`}
          onChange={({ target }) => edit((draft) => ({ ...draft, tasks: target.value.trim() }))}
        />
      )}
      <p
        id={`${id}-help`}
        className={issue === undefined ? fieldStyles.help : fieldStyles.issue}
        hidden={embedded && issue === undefined}
      >
        {issue ?? 'It holds CL_Benchmark/ and configs/, as published.'}
      </p>
    </fieldset>
  );
}
