import { useId, useRef, useState } from 'react';
import * as v from 'valibot';
import { type ErrorReport, reportOf } from '../../base/errors.ts';
import type { OpenedFile } from '../../run/tasks/table-messages.ts';
import { doubtsBeside, type TaskSpec, TaskSpecSchema, tooFewTexts } from '../../tasks/custom-task.ts';
import { type Columns, SCORES_OF } from '../../tasks/forms.ts';
import { KINDS } from '../../tasks/kinds.ts';
import { FORM_DEFAULTS, likelySpec } from '../../tasks/likely-spec.ts';
import type { TablePreview } from '../../tasks/table-preview.ts';
import { bearerOf } from '../../tasks/benchmarks.ts';
import { usePage, usePageState } from '../state/page-context.tsx';
import { SCORE_NAMES } from '../state/scores.ts';
import { Dialog, DialogFoot, keyOf } from '../ui/Dialog.tsx';
import { ErrorNote } from '../ui/blocks.tsx';
import { Check } from '../ui/controls.tsx';
import { visibleText } from '../../base/visible.ts';
import { ColumnFields, FoundInFile, LabelDoubts } from './ColumnFields.tsx';
import styles from './form.module.css';

/** A first specification for a file, with the guessed columns. */
export const guessedSpec = (file: OpenedFile, taken: readonly string[]): TaskSpec =>
  likelySpec(file, file.preview, taken);

/** Fields that a person has typed, which a change of the form of answers does not replace. */
type Typed = Partial<Pick<TaskSpec, 'kind' | 'instruction'>>;

/** A specification with other columns. Another form of answers brings its kind and question, and its usual main score. */
export function withColumns(spec: TaskSpec, columns: Columns, typed: Typed): TaskSpec {
  const { form, textColumn, inputColumn, labelColumn } = columns;
  const next: TaskSpec = { ...spec, form, textColumn, inputColumn, labelColumn };
  delete next.relabel;
  if (columns.relabel !== undefined && columns.relabel.length > 0) next.relabel = [...columns.relabel];
  if (form === spec.form) return next;
  delete next.score;
  const asks = form === 'labels' || form === 'free';
  return { ...next, ...FORM_DEFAULTS[form], ...typed, ...(!asks && { instruction: null }) };
}

/** Why a well-formed name is not available for a custom task. @param known names of what the form's model was taught. */
export function nameIssue(name: string, taken: readonly string[], known: readonly string[]): string | undefined {
  const own = taken.includes(name) ? 'another task of yours' : undefined;
  const bearer = own ?? (known.includes(name) ? 'a task that the model knows' : bearerOf(name));
  return bearer && `This is also the name of ${bearer}: choose another.`;
}

// Characters shown of each cell.
const PREVIEW_CHARACTERS = 160;

/** The form for the open file, if any. */
export function ImportDialog() {
  const file = usePageState((state) => state.openFile);
  return file === null ? null : <ImportForm key={keyOf(file)} file={file} />;
}

function ImportForm({ file }: { file: OpenedFile }) {
  const { tasks } = usePage();
  const { custom, unread } = usePageState(({ userTasks }) => userTasks);
  const taken = [...custom.map((task) => task.spec.name), ...unread.tasks];
  const problem = usePageState((state) => state.taskProblem);
  const lessons = usePageState(({ teaches }) => teaches)?.model.lessons ?? [];
  const known = lessons.map(({ name }) => name);
  const [spec, setSpec] = useState<TaskSpec>(() => guessedSpec(file, [...taken, ...known]));
  const [{ preview, error, isReading }, previewWith] = usePreview(file);
  const [isAdding, setAdding] = useState(false);
  const [typed, setTyped] = useState<Typed>({});
  const id = useId();

  const change = (part: Partial<TaskSpec>): void => setSpec((old) => ({ ...old, ...part }));
  const { form, textColumn, inputColumn, labelColumn, relabel = [] } = spec;
  const choose = (columns: Columns): void => {
    setSpec((old) => withColumns(old, columns, typed));
    void previewWith(spec.header, columns);
  };
  const nameColumns = async (header: boolean): Promise<void> => {
    change({ header });
    const seen = await previewWith(header, null);
    if (seen !== null) setSpec((old) => withColumns(old, seen, typed));
  };
  const issues = specIssues(spec);
  const doubts =
    form === 'labels'
      ? doubtsBeside(
          { instruction: spec.instruction, labels: preview.found?.labels.map(({ label }) => label) ?? [] },
          lessons.map(({ name, labels, question }) => ({ name, labels: [...labels], instruction: question })),
        )
      : [];
  const nameTaken = nameIssue(spec.name, taken, known) ?? issues.get('name');
  const unusable = error ?? preview.problem ?? (preview.found?.tests === 0 ? reportOf(tooFewTexts(form)) : null);
  const isReady = unusable === null && !isReading && !isAdding && nameTaken === undefined && issues.size === 0;
  const add = async (): Promise<void> => {
    setAdding(true);
    await tasks.addTask(spec);
    setAdding(false);
  };
  const field = (key: keyof TaskSpec): { id: string; 'aria-invalid': boolean; 'aria-describedby': string } => ({
    id: `${id}-${key}`,
    'aria-invalid': key === 'name' ? nameTaken !== undefined : issues.has(key),
    'aria-describedby': `${id}-${key}-help`,
  });
  const numberField = (key: 'testShare' | 'seed', step: string) => (
    <input
      {...field(key)}
      className={styles.number}
      type="number"
      step={step}
      value={Number.isNaN(spec[key]) ? '' : spec[key]}
      onChange={({ target }) => change({ [key]: target.valueAsNumber })}
    />
  );
  const help = (key: keyof TaskSpec, text: string) => {
    const issue = key === 'name' ? nameTaken : issues.get(key);
    return (
      <p id={`${id}-${key}-help`} className={issue === undefined ? 'help' : 'help bad'}>
        {issue ?? text}
      </p>
    );
  };
  return (
    <Dialog labelledBy={`${id}-title`} testId="import-dialog" onClose={() => tasks.closeFile()}>
      <form
        method="dialog"
        className={`parts ${styles.import}`}
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) void add();
        }}
      >
        <h2 id={`${id}-title`} className="wrap">
          A task from <bdi>{visibleText(file.name, 60)}</bdi>
        </h2>
        <div className={styles.columns}>
          <ColumnFields
            value={{ form, textColumn, inputColumn, labelColumn }}
            columns={preview.columns}
            onChange={choose}
          />
          {!file.namesColumns && (
            <Check isOn={spec.header} set={(isOn) => void nameColumns(isOn)}>
              The first row names the columns
            </Check>
          )}
        </div>
        <Preview preview={preview} />
        <LabelDoubts
          doubts={preview.doubts}
          relabel={relabel}
          onChange={(next) => choose({ form, textColumn, inputColumn, labelColumn, relabel: next })}
        />
        {unusable !== null && <ErrorNote error={unusable} title="These columns do not make a task" />}
        {preview.found !== null && (
          <FoundInFile found={preview.found} format={preview.format} warnings={preview.warnings} />
        )}
        <div className={styles.named}>
          <label htmlFor={`${id}-name`}>Name</label>
          <input {...field('name')} value={spec.name} onChange={({ target }) => change({ name: target.value })} />
          {help(
            'name',
            form === 'labels' ? 'Appears in the prompt, like the names of datasets.' : 'Not part of the prompt.',
          )}
          <label htmlFor={`${id}-kind`}>Kind</label>
          <input
            {...field('kind')}
            list={`${id}-kinds`}
            value={spec.kind}
            onChange={({ target: { value } }) => {
              // A kind brings its question, but does not replace one that the person wrote.
              const asks = form === 'labels' && typed.instruction === undefined && Object.hasOwn(KINDS, value);
              setTyped({ ...typed, kind: value });
              change({ kind: value, ...(asks && { instruction: KINDS[value] ?? null }) });
            }}
          />
          <datalist id={`${id}-kinds`}>
            {Object.keys(KINDS).map((kind) => (
              <option key={kind} value={kind} />
            ))}
          </datalist>
          {help(
            'kind',
            'A short word for what it asks: TC for topics, SC for sentiment, or your own. The model reads it, and scores are grouped by it.',
          )}
          {(form === 'labels' || form === 'free') && (
            <>
              <label htmlFor={`${id}-instruction`}>Question</label>
              <input
                {...field('instruction')}
                value={spec.instruction ?? ''}
                onChange={({ target: { value } }) => {
                  const instruction = value === '' ? null : value;
                  setTyped({ ...typed, instruction });
                  change({ instruction });
                }}
              />
              {help(
                'instruction',
                form === 'labels'
                  ? 'Precedes the labels in the prompt. If empty, the prompt has neither.'
                  : 'Precedes every text in the prompt. May be empty.',
              )}
              {doubts.map((doubt) => (
                <p key={doubt} className="help bad" data-testid="question-doubt">
                  {doubt}
                </p>
              ))}
            </>
          )}
          {form === 'chat' && (
            <>
              <label htmlFor={`${id}-chatAnswers`}>Learn</label>
              <select
                {...field('chatAnswers')}
                value={spec.chatAnswers}
                onChange={({ target }) => change({ chatAnswers: target.value === 'last' ? 'last' : 'every' })}
              >
                <option value="every">every answer of the assistant</option>
                <option value="last">only the last answer</option>
              </select>
              {help('chatAnswers', 'Each answer is an example, with the turns before it as its prompt.')}
            </>
          )}
          <label htmlFor={`${id}-score`}>Main score</label>
          <select
            {...field('score')}
            value={spec.score ?? SCORES_OF[form][0]}
            onChange={({ target }) => setSpec((old) => withScore(old, target.value))}
          >
            {SCORES_OF[form].map((score) => (
              <option key={score} value={score}>
                {SCORE_NAMES[score]}
              </option>
            ))}
          </select>
          {help('score', 'Shown for the task in charts and means. All of its scores are measured.')}
          <label htmlFor={`${id}-testShare`}>Test share</label>
          {numberField('testShare', 'any')}
          {help(
            'testShare',
            `Drawn at random${form === 'labels' ? ' from each label' : ''}, never trained on; equal texts stay together.`,
          )}
          <label htmlFor={`${id}-seed`}>Seed of the split</label>
          {numberField('seed', '1')}
          {help('seed', 'Same file and seed, same split.')}
        </div>
        {problem !== null && (
          <ErrorNote
            error={problem}
            title={problem.code === 'tasks/file-open' ? 'The files were not taken' : 'The task was not added'}
          />
        )}
        <DialogFoot>
          <button type="button" onClick={() => tasks.closeFile()}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={!isReady}>
            Add task
          </button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}

function Preview({ preview }: { preview: TablePreview }) {
  const { columns, rows, textColumn, inputColumn, labelColumn } = preview;
  const role = (column: string): string | undefined =>
    column === textColumn || column === inputColumn ? 'text' : column === labelColumn ? 'label' : undefined;
  return (
    <div className="scroll box tall" tabIndex={0} role="region" aria-label="The first rows of the file">
      <table className={`table ${styles.rows}`} data-testid="import-preview">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" data-role={role(column)}>
                <bdi>{visibleText(column, 60)}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, column) => (
                <td key={column} data-role={role(columns[column] ?? '')}>
                  <bdi>{visibleText(cell, PREVIEW_CHARACTERS)}</bdi>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Looking {
  preview: TablePreview;
  /** Why the file cannot be read this way. */
  error: ErrorReport | null;
  isReading: boolean;
}

/** A file's preview, and a function that reads the file another way; the latest call wins. */
function usePreview(file: OpenedFile) {
  const { tasks } = usePage();
  const [state, setState] = useState<Looking>({ preview: file.preview, error: null, isReading: false });
  const latest = useRef(0);
  /** Null if it failed or a later call has begun. */
  const previewWith = async (header: boolean, columns: Columns | null): Promise<TablePreview | null> => {
    const turn = ++latest.current;
    setState((old) => ({ ...old, isReading: true }));
    try {
      const preview = await tasks.preview(header, columns);
      if (turn !== latest.current) return null;
      setState({ preview, error: null, isReading: false });
      return preview;
    } catch (thrown) {
      if (turn === latest.current) setState((old) => ({ ...old, error: reportOf(thrown), isReading: false }));
      return null;
    }
  };
  return [state, previewWith] as const;
}

/** A specification with a main score, which is left out if it is the usual one. */
function withScore(spec: TaskSpec, value: string): TaskSpec {
  const next: TaskSpec = { ...spec };
  delete next.score;
  const score = SCORES_OF[spec.form].slice(1).find((one) => one === value);
  return score === undefined ? next : { ...next, score };
}

function specIssues(spec: TaskSpec): ReadonlyMap<string, string> {
  const issues = v.safeParse(TaskSpecSchema, spec).issues ?? [];
  return new Map(issues.map((issue) => [v.getDotPath(issue) ?? '', issue.message]));
}
