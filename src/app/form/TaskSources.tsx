import { useId, useState } from 'react';
import type { TaskForm } from '../../tasks/forms.ts';
import { TABLE_ENDINGS } from '../../tasks/records.ts';
import { datasetName, type HubDataset, USUAL_ROWS } from '../../weights/hub-dataset.ts';
import { bytes, whole } from '../ui/format.ts';
import { downloadText } from '../ui/download.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import { HubAccessFields } from './SettingField.tsx';
import { AskTwice, PickFiles } from '../ui/controls.tsx';
import { ErrorNote } from '../ui/blocks.tsx';
import { filesOfInput } from '../state/dropped-files.ts';
import type { PickedBenchmarks } from '../state/task-store.ts';
import { visibleText } from '../../base/visible.ts';
import styles from './form.module.css';

const TABLES = [...TABLE_ENDINGS, 'gz'].map((ending) => `.${ending}`).join();

/** Sources of tasks besides the embedded ones: a user's files, benchmarks, an order file. */
export function TaskSources({ issue }: { issue: string | undefined }) {
  const problem = usePageState((state) => state.taskProblem);
  const open = usePageState((state) => state.openFile !== null);
  const notes = usePageState((state) => state.taskNotes);
  return (
    <div className="parts">
      {problem !== null && !open && <ErrorNote error={problem} title="Could not update the tasks" />}
      {notes.map((note) => (
        <p key={note} className="notice warn small">
          {note}
        </p>
      ))}
      <CustomTasks />
      <HubDatasets />
      <Benchmark issue={issue} />
      <OrderFiles />
    </div>
  );
}

interface PickProps {
  label: string;
  accept?: string;
  folder?: boolean;
  multiple?: boolean;
}

/** A button that asks for files of tasks. */
function Pick(props: PickProps) {
  const { tasks } = usePage();
  return <PickFiles {...props} take={(files) => void tasks.give(filesOfInput(files))} />;
}

/** Words for the kind of texts that a task without labels has. */
const ANSWERS: Readonly<Partial<Record<TaskForm, string>>> = {
  free: 'free answers',
  chat: 'answers in conversations',
  text: 'plain text',
};

const OF_OTHER_VERSION = 'unreadable, of another version';
const UNREADABLE = 'It is damaged, or another version of this page has stored it. It stays until you remove it.';

interface StoredProps {
  name: string;
  facts: string;
  /** The whole of what the facts count. */
  title: string;
  verb?: 'Remove' | 'Forget';
  /** The thing that is removed, for those who do not see the name beside the button. */
  what: string;
  remove: () => void;
}

/** An entry of a list of what is stored in this browser. */
function Stored({ name, facts, title, verb = 'Remove', what, remove }: StoredProps) {
  return (
    <li className={styles.source}>
      <span className="cut">
        <bdi>{name}</bdi>
        <span className="second cut" title={title}>
          {facts}
        </span>
      </span>
      <span className="buttons">
        <AskTwice verb={verb} of={what} className="act" act={remove} />
      </span>
    </li>
  );
}

function CustomTasks() {
  const { tasks } = usePage();
  const custom = usePageState(({ userTasks }) => userTasks.custom);
  const unread = usePageState(({ userTasks }) => userTasks.unread.tasks);
  return (
    <div className="stack">
      <h3 className="label muted small">Custom tasks</h3>
      {custom.length + unread.length > 0 && (
        <ul className={`box ${styles.list}`} data-testid="custom-tasks">
          {custom.map(({ spec, labels, trainExamples, testExamples }) => (
            <Stored
              key={spec.name}
              name={spec.name}
              facts={`${ANSWERS[spec.form] ?? `${labels.length} labels`}, ${trainExamples} to train, ${testExamples} to test`}
              title={visibleText(labels.join(', '), 400)}
              what={`the custom task ${spec.name}`}
              remove={() => void tasks.removeTask(spec.name)}
            />
          ))}
          {unread.map((name) => (
            <Stored
              key={name}
              name={name}
              facts={OF_OTHER_VERSION}
              title={UNREADABLE}
              what={`the unreadable task ${name}`}
              remove={() => void tasks.removeTask(name)}
            />
          ))}
        </ul>
      )}
      <div className="buttons">
        <Pick label="Add a file…" accept={TABLES} />
        <Pick label="Add a folder of texts…" folder />
      </div>
      <p className="help">
        Instructions, chats, questions, labelled texts or plain texts, as CSV, TSV, JSON, JSONL, Parquet, .txt or .md;
        or drop a file or a folder of texts here. It stays in this browser.
      </p>
    </div>
  );
}

/** The splits of a data set, as the hub has listed them, and the index of the chosen one. */
interface ListedSplits {
  /** The name that was asked for. */
  readonly of: string;
  readonly dataset: HubDataset;
  readonly chosen: number;
}

/** The splits of the data set that is named now; null until they are listed. Others may have been asked for before. */
export const splitsOf = (name: string | null, listed: ListedSplits | null): ListedSplits | null =>
  listed?.of === name ? listed : null;

/** Data sets of the Hugging Face hub: a name, then a split. */
function HubDatasets() {
  const { tasks } = usePage();
  const [name, setName] = useState('');
  const [listed, setListed] = useState<ListedSplits | null>(null);
  const [isBusy, setBusy] = useState(false);
  const id = useId();
  const known = datasetName(name);
  const found = splitsOf(known, listed);
  const wait = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    try {
      await work();
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="stack">
      <h3 className="label muted small">Data set of the Hugging Face hub</h3>
      <input
        aria-label="Data set of the hub"
        aria-describedby={`${id}-help`}
        placeholder="org/name"
        value={name}
        onChange={({ target }) => setName(target.value)}
      />
      {found !== null && (
        <select
          aria-label="Configuration and split"
          value={found.chosen}
          onChange={({ target }) => setListed({ ...found, chosen: Number(target.value) })}
        >
          {found.dataset.splits.map(({ config, split: part, bytes: size }, i) => (
            <option key={`${config} ${part}`} value={i}>
              {config}, {part} ({bytes(size)})
            </option>
          ))}
        </select>
      )}
      <div className="buttons">
        <button
          type="button"
          disabled={known === null || isBusy}
          onClick={() =>
            void wait(async () => {
              const split = found?.dataset.splits[found.chosen];
              if (found !== null && split !== undefined) await tasks.openHub(found.dataset, split);
              else if (known !== null) {
                const dataset = await tasks.listHub(known);
                const train = dataset?.splits.findIndex((one) => one.split === 'train') ?? 0;
                setListed(dataset && { of: known, dataset, chosen: Math.max(0, train) });
              }
            })
          }
        >
          {isBusy ? 'Asking the hub…' : found === null ? 'Find its splits' : 'Read its first rows…'}
        </button>
      </div>
      <p id={`${id}-help`} className="help">
        The first {whole(USUAL_ROWS)} rows of a split are read, as Parquet by range. A gated data set needs an access
        token.
      </p>
      <HubAccessFields of="data sets" />
    </div>
  );
}

function Benchmark({ issue }: { issue: string | undefined }) {
  const { edit, tasks } = usePage();
  const source = usePageState(({ draft }) => draft.tasks);
  const folder = usePageState(({ userTasks }) => userTasks.folder);
  const isUnread = usePageState(({ userTasks }) => userTasks.unread.folder);
  const id = useId();
  const without = folder === null ? 'embedded' : 'picked';
  return (
    <div className="stack">
      <h3 className="label muted small">CL_Benchmark, SuperNI, TRACE</h3>
      {(folder !== null || isUnread) && (
        <ul className={`box ${styles.list}`} data-testid="picked-folder">
          <Stored
            name={folder === null ? 'The stored folder' : visibleText(folder.name, 60)}
            facts={folder === null ? OF_OTHER_VERSION : factsOf(folder, source)}
            title={folder?.datasets.join(', ') ?? UNREADABLE}
            verb="Forget"
            what="the folder of the benchmark"
            remove={() => void tasks.forgetFolder()}
          />
        </ul>
      )}
      <div className="buttons">
        <Pick label="Choose the folder…" folder />
      </div>
      <input
        type="url"
        aria-label="Address of the benchmark’s folder"
        placeholder="https://github.com/owner/repository"
        value={source === 'embedded' || source === 'picked' ? '' : source}
        aria-invalid={issue !== undefined}
        aria-describedby={`${id}-help`}
        onChange={({ target }) => {
          const address = target.value.trim();
          edit((draft) => ({ ...draft, tasks: address === '' ? without : address }));
        }}
      />
      <p id={`${id}-help`} className={issue === undefined ? 'help' : 'help bad'}>
        {issue ??
          'The published folder with CL_Benchmark and configs, with SuperNI, or with the tasks of TRACE: choose it, drop it here, or enter its address.'}
      </p>
    </div>
  );
}

/** `3 tasks, stored in this browser`, and whether the draft uses them. */
function factsOf({ datasets }: PickedBenchmarks, source: string): string {
  const count = datasets.length === 1 ? '1 task' : `${datasets.length} tasks`;
  return `${count}, stored in this browser${source === 'picked' ? '' : '; unused because an address is given'}`;
}

function OrderFiles() {
  const { tasks } = usePage();
  const empty = usePageState(({ draft }) => draft.order.length === 0);
  return (
    <div className="stack">
      <h3 className="label muted small">Order as a file</h3>
      <div className="buttons">
        <button type="button" disabled={empty} onClick={() => downloadText('gorp-web-order.json', tasks.orderText())}>
          Save order
        </button>
        <Pick label="Load order…" accept={TABLES} multiple />
      </div>
      <p className="help">
        Holds tasks, method and settings, but no texts. If custom tasks are missing, choose their data files with it.
      </p>
    </div>
  );
}
