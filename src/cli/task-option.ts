import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { readHubRows } from '../run/tasks/table-work.ts';
import { bearerOf, BENCHMARKS } from '../tasks/benchmarks.ts';
import { makeCustomTask, readLabels, type TaskSpec, TaskSpecSchema } from '../tasks/custom-task.ts';
import { doubtText, type LabelDoubt } from '../tasks/doubtful-labels.ts';
import { EMBEDDED_TEXTS, isEmbedded } from '../tasks/embedded-tasks.ts';
import { CHAT_ANSWERS, type Relabelled, SCORES, TASK_FORMS, type TaskForm } from '../tasks/forms.ts';
import { FORM_DEFAULTS, likelySpec } from '../tasks/likely-spec.ts';
import { EMBEDDED_KINDS } from '../tasks/orders.ts';
import { previewOf, unreadColumns } from '../tasks/preview.ts';
import { FRAMES } from '../tasks/prompt.ts';
import { checkFileSize, isTextFile, readTableFile, readTextFolder, type TableFile, tableOf } from '../tasks/table.ts';
import { NameSchema, type Task } from '../tasks/task.ts';
import { datasetName, listDataset, USUAL_ROWS } from '../weights/hub-dataset.ts';
import { oneOf, wholeNumber } from './arguments.ts';
import { seeNear } from './disk-folder.ts';
import { UsageError } from './exit.ts';
import { hubAccess } from './named-models.ts';

/** Which rows of a data set on the hub to read, as options say; what they leave out is as usual. */
interface AskedRows {
  readonly config?: string | undefined;
  readonly split?: string | undefined;
  readonly rows?: string | undefined;
}

/**
 * Reads a file of examples, a folder of texts, or rows of a data set on the hub (`org/name`).
 *
 * @throws UsageError if rows are asked for that only a data set on the hub has; GorpError `tasks/not-found`, and as
 *   {@link readTableFile}, {@link readTextFolder} and {@link readHubRows}.
 */
export async function readDataPath(path: string, asked: AskedRows = {}): Promise<TableFile> {
  const dataset = existsSync(path) ? null : datasetName(path);
  if (dataset !== null) {
    const { config = null, split = null, rows = String(USUAL_ROWS) } = asked;
    const count = wholeNumber('rows', rows);
    return readHubRows(await listDataset(dataset, hubAccess()), { config, split }, count, hubAccess());
  }
  const [option] = Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (option !== undefined)
    throw new UsageError(`${option} goes with a data set of the hub (org/name), which ${path} is not.`);
  const facts = await stat(path).catch((cause: unknown) => {
    throw new GorpError(
      'tasks/not-found',
      `${JSON.stringify(path)} cannot be read.`,
      `Name a file of examples, a folder of texts, or a data set of the hub (org/name). ${seeNear(path)}`,
      { cause },
    );
  });
  const name = basename(resolve(path));
  if (!facts.isDirectory()) {
    checkFileSize(name, facts.size);
    return readTableFile(name, await bytesOf(path));
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = files.filter(isTextFile);
  checkFileSize(
    name,
    (await Promise.all(texts.map(async (file) => (await stat(file)).size))).reduce((a, b) => a + b, 0),
  );
  const read = texts.map(async (file) => ({
    path: relative(path, file).split(sep).join('/'),
    bytes: await bytesOf(file),
  }));
  return readTextFolder(name, await Promise.all(read));
}

const bytesOf = async (path: string): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await readFile(path));

export const TASK_USAGE = `  --task FILE      a file of examples, a folder of texts, or a data set of the Hugging Face hub (org/name) as a task, learned
                   in this place; repeatable. Options follow after commas: reviews.csv,text=review,answer=stars,name=reviews
                   (name, kind, question, form, text, input, answer, merge, drop, frame, chat, score, header, test, seed, and
                   of a data set config, split, rows; docs/tasks.md). merge=biling:billing reads one label as another,
                   drop=LABEL leaves its rows out; several between semicolons. "gorp-web data" shows what is read`;

const KEYS = [
  'name',
  'kind',
  'question',
  'form',
  'text',
  'input',
  'answer',
  'merge',
  'drop',
  'frame',
  'chat',
  'header',
  'test',
  'seed',
  'config',
  'split',
  'rows',
  'score',
];

/** Forms of answers for which an option counts; the others count for all. */
const FORMS_OF: Readonly<Record<string, readonly TaskForm[]>> = {
  input: ['labels', 'free'],
  answer: ['labels', 'free'],
  merge: ['labels'],
  drop: ['labels'],
  frame: ['free'],
  chat: ['chat'],
};

/** A `--task` option: the path, and what follows it. @throws UsageError. */
function parseTaskOption(text: string): { path: string; options: ReadonlyMap<string, string> } {
  // A path may hold commas: options begin with one of their keys.
  const begins = [...text.matchAll(new RegExp(`,(${KEYS.join('|')})=`, 'g'))];
  const path = text.slice(0, begins[0]?.index ?? text.length);
  const options = new Map<string, string>();
  begins.forEach((begin, i) => {
    const value = text.slice(begin.index + begin[0].length, begins[i + 1]?.index ?? text.length);
    if (options.has(begin[1])) throw new UsageError(`--task ${path}: ${begin[1]} is given twice.`);
    options.set(begin[1], value);
  });
  if (path === '') throw new UsageError('--task takes a file or a folder.');
  return { path, options };
}

/** A `--task` option whose task has another name. @throws UsageError. */
export function renamed(text: string, name: string): string {
  const { path, options } = parseTaskOption(text);
  return [path, ...Array.from(new Map([...options, ['name', name]]), (option) => option.join('='))].join(',');
}

/**
 * Makes the task of a `--task` option.
 *
 * @param taken names of the tasks before it.
 * @returns the task, and what to check, in sentences.
 * @throws UsageError; GorpError `tasks/…`.
 */
export async function taskOfOption(
  text: string,
  taken: readonly string[],
): Promise<{ task: Task; warnings: string[]; sha256: string }> {
  const { path, options } = parseTaskOption(text);
  const file = await readDataPath(path, {
    config: options.get('config'),
    split: options.get('split'),
    rows: options.get('rows'),
  });
  const given = <T>(key: string, use: (value: string) => T, otherwise: T): T => {
    const value = options.get(key);
    return value === undefined ? otherwise : use(value);
  };
  const header = given('header', (value) => oneOf('header', value, ['yes', 'no']) === 'yes', true);
  const likely = previewOf(file, header, null);
  const form = given('form', (value) => oneOf('form', value, TASK_FORMS), likely.form);
  const unfit = Object.entries(FORMS_OF).find(([key, forms]) => options.has(key) && !forms.includes(form));
  if (unfit !== undefined) {
    const [key, forms] = unfit;
    throw new UsageError(`--task ${path}: ${key} goes with form=${forms.join(' or ')}, but the form is ${form}.`);
  }
  const guess = likelySpec(file, likely, taken);
  const same = (value: string): string => value;
  const usual = form === likely.form ? guess : { ...guess, ...FORM_DEFAULTS[form] };
  const relabel = relabelOf(path, options);
  const spec: TaskSpec = {
    ...usual,
    header,
    form,
    name: given('name', same, guess.name),
    kind: given('kind', same, usual.kind),
    instruction: given('question', (value) => (value === '' ? null : value), usual.instruction),
    textColumn: given('text', same, guess.textColumn),
    inputColumn: given<string | null>('input', (value) => (value === '' ? null : value), guess.inputColumn),
    labelColumn: given('answer', same, guess.labelColumn),
    ...(relabel.length > 0 && { relabel }),
    frame: given('frame', (value) => oneOf('frame', value, FRAMES), guess.frame),
    chatAnswers: given('chat', (value) => oneOf('chat', value, CHAT_ANSWERS), guess.chatAnswers),
    ...(options.has('score') && { score: oneOf('score', options.get('score') ?? '', SCORES) }),
    testShare: given('test', Number, guess.testShare),
    seed: given('seed', (value) => wholeNumber('seed', value), guess.seed),
  };
  const parsed = v.safeParse(TaskSpecSchema, spec);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new UsageError(`--task ${path}: ${v.getDotPath(issue) ?? 'the task'}: ${issue.message}.`);
  }
  const bearer = bearerOf(spec.name);
  if (bearer !== undefined)
    throw new UsageError(`--task ${path}: ${spec.name} is also the name of ${bearer}: give it another with name=….`);
  if (taken.includes(spec.name)) throw new UsageError(`Two tasks are named ${spec.name}: give one a name=….`);
  const table = tableOf(file, header);
  const { task, warnings } = makeCustomTask(table, parsed.output);
  const doubts = form === 'labels' ? readLabels(table, parsed.output).doubts.filter(({ like }) => like !== null) : [];
  const questions = doubts.map((doubt) => `${doubtText(doubt)} ${mendText(doubt)}`);
  return { task, warnings: [...questions, ...warnings, ...unreadColumns(table, parsed.output)], sha256: file.sha256 };
}

/** The options that answer a doubt about a label. */
export function mendText({ label, like }: LabelDoubt): string {
  if (/[:;,]/.test(label + (like ?? ''))) return 'Change it in the file.';
  return like === null
    ? `drop=${label} leaves it out.`
    : `merge=${label}:${like} merges them, drop=${label} leaves its rows out.`;
}

/** The labels to merge and to leave out. @throws UsageError. */
function relabelOf(path: string, options: ReadonlyMap<string, string>): Relabelled[] {
  const listed = (key: string): string[] => (options.get(key)?.split(';') ?? []).map((one) => one.trim());
  const merged = listed('merge').map((pair) => {
    const [from = '', to = '', ...more] = pair.split(':').map((one) => one.trim());
    if (!from || !to || more.length > 0) throw new UsageError(`--task ${path}: merge takes LABEL:LABEL, not ${pair}.`);
    return { from, to };
  });
  return [...merged, ...listed('drop').map((from) => ({ from, to: null }))];
}

/** The task that a name on the command line means: `sst2` is SST-2; null if there is none. */
export function knownTask(name: string, custom: readonly string[]): string | null {
  const known = knownNames(custom);
  if (known.includes(name) || isEmbedded(name)) return name;
  const bare = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
  const found = known.filter((one) => bare(one) === bare(name));
  return found.length === 1 ? found[0] : null;
}

const knownNames = (custom: readonly string[]): string[] => [
  ...custom,
  ...Object.keys(EMBEDDED_KINDS),
  ...Object.keys(EMBEDDED_TEXTS),
  ...BENCHMARKS.flatMap(({ datasets }) => datasets),
];

/** The task of a name, which must be known. @throws UsageError. */
export function taskNamed(name: string, custom: readonly string[]): string {
  const found = knownTask(name, custom);
  if (found !== null) return found;
  const valid = v.safeParse(NameSchema, name).success;
  throw new UsageError(
    `There is no task ${valid ? name : JSON.stringify(name)}; known are ${knownNames(custom).join(', ')}.`,
  );
}
