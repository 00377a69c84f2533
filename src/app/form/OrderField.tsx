import { useEffect, useId, useRef, useState } from 'react';
import { needsOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import { watchShare } from '../../run/planning/duration.ts';
import { publishedOrderOf } from '../../run/planning/presets.ts';
import { ownText, type RunSettings, watching, withText } from '../../run/settings/settings.ts';
import { isEmbeddedText } from '../../tasks/embedded-tasks.ts';
import { orderId, PUBLISHED_ORDERS } from '../../tasks/orders.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import { addableTasks, generalTexts, sizesOf } from '../state/task-store.ts';
import { Act } from '../ui/controls.tsx';
import { TaskSources } from './TaskSources.tsx';
import styles from './form.module.css';

/** A copy of a list with one item moved; unchanged if either index is out of range. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const copy = items.slice();
  if (from < 0 || from >= copy.length || to < 0 || to >= copy.length) return copy;
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

/** A draft in which a task of the order is only tested. */
export const onlyTested = (draft: RunSettings, name: string): RunSettings =>
  watching({ ...draft, order: draft.order.filter((other) => other !== name) }, [...(draft.watch ?? []), name]);

/** A draft in which a watched task is learned, last. */
export const learnToo = (draft: RunSettings, name: string): RunSettings =>
  watching(
    { ...draft, order: [...draft.order, name] },
    (draft.watch ?? []).filter((other) => other !== name),
  );

interface Props {
  /** Why the order is invalid, and why the address of CL_Benchmark is. */
  issue: string | undefined;
  sourceIssue: string | undefined;
  /** Why the general text is invalid. */
  textIssue: string | undefined;
}

type Direction = 'up' | 'down';

/** The tasks in the order they are learned, and their sources. */
export function OrderField({ issue, sourceIssue, textIssue }: Props) {
  const plain = usePageState(
    ({ draft, userTasks: { custom, unread } }) =>
      draft.tasks === 'embedded' && custom.length + unread.tasks.length === 0 && !unread.folder,
  );
  const isTaught = usePageState(({ teaches }) => teaches !== null);
  const isEmpty = usePageState(({ draft }) => draft.order.length === 0);
  const [asked, setAsked] = useState(false);
  const id = useId();
  const open = asked || !plain || issue !== undefined;
  return (
    <fieldset className="stack" data-testid="task-field">
      <legend className="label">{isTaught ? 'What to teach it next' : 'Tasks, in the order they are learned'}</legend>
      {!isTaught && <PublishedOrders />}
      <TaskList />
      {isTaught && isEmpty && (
        <p className={`about ${styles.empty}`}>
          Nothing yet: drop a file of examples on the page, add one under “Custom tasks”, or choose a task.
        </p>
      )}
      <AddTask label="Add a task…" use="learn" />
      <WatchedTasks textIssue={textIssue} />
      {issue !== undefined && !(isTaught && isEmpty) && <p className="help bad">{issue}</p>}
      <button
        type="button"
        className={`bare ${styles.unfold}`}
        aria-expanded={open}
        aria-controls={`${id}-sources`}
        onClick={() => setAsked(!open)}
      >
        Custom tasks, benchmarks, order files
      </button>
      <div id={`${id}-sources`} hidden={!open}>
        <TaskSources issue={sourceIssue} />
      </div>
    </fieldset>
  );
}

const FAMILIES = [
  { family: 't5', title: 'CL_Benchmark, for T5', name: 'T5 order' },
  { family: 'llama', title: 'CL_Benchmark, for LLaMA', name: 'LLaMA order' },
  { family: 'superni', title: 'SuperNI', name: 'SuperNI order' },
  { family: 'trace', title: 'TRACE', name: 'TRACE, as published' },
] as const;

function PublishedOrders() {
  const { chooseOrder } = usePage();
  const draft = usePageState((state) => state.draft);
  const chosen = publishedOrderOf(draft);
  return (
    <>
      <select
        data-testid="order-select"
        aria-label="Order"
        value={chosen === null ? 'own' : orderId(chosen)}
        onChange={({ target }) => chooseOrder(target.value)}
      >
        <option value="own" disabled>
          As listed below
        </option>
        {FAMILIES.map(({ family, title, name }) => (
          <optgroup key={family} label={title}>
            {PUBLISHED_ORDERS.filter((order) => order.family === family).map((order) => (
              <option key={orderId(order)} value={orderId(order)}>
                {name}
                {family === 'trace' ? '' : ` ${order.order}`}: {order.rounds.length} tasks
              </option>
            ))}
          </optgroup>
        ))}
      </select>
      {chosen !== null && (
        <p className="help">
          Published method settings,{' '}
          {draft.training.batchTokens > 0
            ? `${draft.training.batchTokens} tokens`
            : `${draft.training.batchSize} examples`}{' '}
          × {draft.training.gradientAccumulation} per step. On a laptop, lower “Training examples” and “Test examples”;
          0 uses all, as published.
        </p>
      )}
    </>
  );
}

/** The order itself, changed by dragging or by each task's buttons. */
function TaskList() {
  const { edit } = usePage();
  const order = usePageState(({ draft }) => draft.order);
  const list = useRef<HTMLOListElement>(null);
  const lastMove = useRef<{ name: string; direction: Direction } | null>(null);
  const [dragged, setDragged] = useState<string | null>(null);
  const [over, setOver] = useState<number | null>(null);

  // Changes start from the order as it is then, which the page may not have drawn yet.
  const arrange = (change: (order: readonly string[]) => string[]): void =>
    edit((draft) => ({ ...draft, order: change(draft.order) }));
  const move = (name: string, direction: Direction): void => {
    lastMove.current = { name, direction };
    const step = direction === 'up' ? -1 : 1;
    arrange((now) => moved(now, now.indexOf(name), now.indexOf(name) + step));
  };
  const endDrag = (): void => {
    setDragged(null);
    setOver(null);
  };

  // Moving an item takes the focus from its button. Give it back, or at an end of the list to the other button.
  useEffect(() => {
    if (lastMove.current === null) return;
    const { name, direction } = lastMove.current;
    lastMove.current = null;
    const item = list.current?.querySelector(`[data-task="${CSS.escape(name)}"]`);
    const button = item?.querySelector<HTMLButtonElement>(`[data-move=${direction}]:not(:disabled)`);
    (button ?? item?.querySelector<HTMLButtonElement>('[data-move]:not(:disabled)'))?.focus();
  }, [order]);

  return (
    <ol className={`box ${styles.list}`} ref={list} data-testid="task-order">
      {order.map((name, index) => (
        <li
          key={name}
          className={styles.item}
          data-task={name}
          data-dragged={name === dragged}
          data-over={index === over && name !== dragged}
          draggable
          onDragStart={(event) => {
            event.dataTransfer.effectAllowed = 'move';
            event.dataTransfer.setData('text/plain', name);
            setDragged(name);
          }}
          onDragOver={(event) => {
            if (dragged === null) return;
            event.preventDefault();
            setOver(index);
          }}
          onDrop={(event) => {
            if (dragged === null) return;
            event.preventDefault();
            arrange((now) => moved(now, now.indexOf(dragged), now.indexOf(name)));
            endDrag();
          }}
          onDragEnd={endDrag}
        >
          <span className="muted small">{index + 1}</span>
          <span className="cut">
            <bdi>{name}</bdi>
          </span>
          <Act label={`Learn ${name} earlier`} data-move="up" disabled={index === 0} onClick={() => move(name, 'up')}>
            ↑
          </Act>
          <Act
            label={`Learn ${name} later`}
            data-move="down"
            disabled={index === order.length - 1}
            onClick={() => move(name, 'down')}
          >
            ↓
          </Act>
          <Act
            label={`Only test ${name}`}
            title="Only test it, never learn it"
            onClick={() => edit((draft) => onlyTested(draft, name))}
          >
            ◎
          </Act>
          <Act label={`Leave out ${name}`} onClick={() => arrange((now) => now.filter((other) => other !== name))}>
            ×
          </Act>
        </li>
      ))}
    </ol>
  );
}

/** Tasks that are only tested, and what they cost. */
function WatchedTasks({ textIssue }: { textIssue: string | undefined }) {
  const { edit } = usePage();
  const draft = usePageState((state) => state.draft);
  const data = usePageState((state) => state.userTasks);
  const { watch = [] } = draft;
  const { generalText: text } = draft.training;
  const own = ownText(draft);
  const share = watch.length === 0 ? null : watchShare(draft, sizesOf(data));
  return (
    <section className="stack" aria-label="Tasks that are only tested">
      <h2 className="label muted small">Only tested, never learned</h2>
      {(watch.length > 0 || text !== 'none') && (
        <ul className={`box ${styles.list}`} data-testid="task-watch">
          {watch.map((name) => (
            <li key={name} className={`${styles.item} ${styles.watched}`} data-task={name}>
              <span className="cut">
                <bdi>{name}</bdi>
              </span>
              <Act
                label={`Learn ${name} too`}
                title="Learn it, as the last task"
                disabled={isEmbeddedText(name)}
                onClick={() => edit((old) => learnToo(old, name))}
              >
                ↑
              </Act>
              <Act
                label={`Do not test ${name}`}
                onClick={() =>
                  edit((old) =>
                    watching(
                      old,
                      watch.filter((other) => other !== name),
                    ),
                  )
                }
              >
                ×
              </Act>
            </li>
          ))}
          {text !== 'none' && (
            <li className={`${styles.item} ${styles.watched}`} data-task="general text">
              <span className="cut">
                {own === null ? (
                  'general text'
                ) : (
                  <>
                    <bdi>{own}</bdi>, as general text
                  </>
                )}
              </span>
              <Act label="Do not measure general text" onClick={() => edit((old) => withText(old, 'none'))}>
                ×
              </Act>
            </li>
          )}
        </ul>
      )}
      <AddTask label="Watch a task…" use="watch" />
      {textIssue !== undefined && <p className="help bad">{textIssue}</p>}
      {text !== 'none' && (
        <p className="help">
          {own === null
            ? 'General text: passages that come with the page show what the model still knows of other text, by its loss.'
            : 'Its texts show what the model still knows of other text, by its loss.'}
        </p>
      )}
      <p className="help">
        {watch.length === 0
          ? 'A task shows what becomes of what the model could do before training.'
          : `Tested before training and after ${draft.training.testRounds === 'ends' ? 'the last task' : 'every task'}, outside the averages (AP, BWT)${share === null ? '' : `; about ${Math.max(1, Math.round(100 * share))} % of the tests’ work`}.${needsOf(planOf(draft.method)).protects === 'watched' ? ' What their training examples use of the model is protected (Protects, in Shared space).' : ''}`}
      </p>
    </section>
  );
}

function AddTask({ label, use }: { label: string; use: 'learn' | 'watch' }) {
  const { edit } = usePage();
  const draft = usePageState((state) => state.draft);
  const data = usePageState((state) => state.userTasks);
  const teaches = usePageState((state) => state.teaches);
  const known = teaches?.model.lessons.map(({ name }) => name) ?? [];
  const groups = addableTasks({ ...draft, order: [...known, ...draft.order] }, data, use);
  const texts = use === 'watch' ? generalTexts(draft, data) : [];
  if (groups.length + texts.length === 0) return null;
  return (
    <select
      aria-label={label.replace('…', '')}
      value=""
      onChange={({ target }) =>
        edit((old) => {
          if (use === 'learn') return { ...old, order: [...old.order, target.value] };
          const text = texts.find(({ value }) => AS_TEXT + value === target.value);
          return text ? withText(old, text.value) : watching(old, [...(old.watch ?? []), target.value]);
        })
      }
    >
      <option value="" disabled>
        {label}
      </option>
      {groups.map(({ title, names }) => (
        <optgroup key={title} label={title}>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </optgroup>
      ))}
      {texts.length > 0 && (
        <optgroup label="As general text">
          {texts.map(({ value, name }) => (
            <option key={value} value={AS_TEXT + value}>
              {name}
            </option>
          ))}
        </optgroup>
      )}
    </select>
  );
}

/** Before a general text in the values of a list that also has tasks, whose names have no colon. */
const AS_TEXT = 'text:';
