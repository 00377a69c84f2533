import * as v from 'valibot';
import { GorpError, type ErrorCode } from '../base/errors.ts';
import { MOST_LABELS } from './forms.ts';
import type { Example, Task } from './task.ts';

/** Reads a text file by its path below the benchmark's root, with forward slashes; rejects if it cannot. */
export type ReadText = (path: string) => Promise<string>;

/** Path of the instructions, below the folder that also holds `CL_Benchmark`. */
export const INSTRUCTIONS_PATH = 'configs/instruction_config.json';

const SPLITS = ['train', 'dev', 'test'] as const;
type Split = (typeof SPLITS)[number];

/** Rows with a label that the task does not list, so that no answer could be right: MNLI's `-`. */
interface LeftOut {
  split: Split;
  label: string;
  rows: number;
}

/** A task, and the rows left out of it. */
export interface LoadedTask {
  task: Task;
  leftOut: LeftOut[];
  /** Sentences about what else was left out. */
  warnings: string[];
}

const RowsSchema = v.array(v.looseObject({ label: v.string(), sentence: v.string() }), 'Expected a list of rows');
const LabelsSchema = v.pipe(
  v.array(v.pipe(v.string(), v.nonEmpty('A label is empty')), 'Expected a list of labels'),
  v.nonEmpty('No label is listed'),
  v.maxLength(MOST_LABELS, `More than ${MOST_LABELS} labels are listed`),
  v.check((labels) => new Set(labels).size === labels.length, 'A label is listed twice'),
);
const InstructionsSchema = v.record(
  v.string(),
  v.pipe(v.array(v.looseObject({ instruction: v.string() })), v.nonEmpty('No instruction is listed')),
);

/**
 * Loads a task in the layout of CL_Benchmark: `CL_Benchmark/{kind}/{name}/{train,dev,test,labels}.json`, and the first
 * instruction of its kind in `configs/instruction_config.json` (docs/method.md, section 5).
 *
 * @param read reads files below the folder that holds `CL_Benchmark` and `configs`.
 * @returns the task, and the number of rows left out, by label.
 * @throws GorpError, naming file, row and field: `tasks/unreadable`, `tasks/malformed-json`, `tasks/wrong-shape`, or
 * `tasks/empty` if nothing is left to train on or to test, `tasks/one-label`.
 */
export async function loadTask(read: ReadText, kind: string, name: string): Promise<LoadedTask> {
  const folder = `CL_Benchmark/${kind}/${name}`;
  const [instructions, labels, ...files] = await Promise.all([
    readJson(read, INSTRUCTIONS_PATH, InstructionsSchema),
    readJson(read, `${folder}/labels.json`, LabelsSchema),
    ...SPLITS.map((split) => readJson(read, `${folder}/${split}.json`, RowsSchema)),
  ]);
  const listed = new Set(labels);
  const [train, dev, test] = files.map((rows) => rows.filter(({ label }) => listed.has(label)).map(exampleOf));
  for (const [split, examples] of Object.entries({ train, test })) {
    if (examples.length === 0) {
      throw taskError('tasks/empty', `${folder}/${split}.json has no row with one of the labels ${labels.join(', ')}`);
    }
  }
  if (labels.length < 2) {
    throw taskError(
      'tasks/one-label',
      `${folder}/labels.json lists only “${labels[0]}”, so that every answer would be right; a task needs two labels`,
    );
  }
  const instruction = Object.hasOwn(instructions, kind) ? instructions[kind][0].instruction : null;
  const leftOut = SPLITS.flatMap((split, i) => countUnlisted(split, files[i], listed));
  return { task: { name, kind, instruction, labels, train, dev, test }, leftOut, warnings: [] };
}

/** The labels of a task alone, which is a small file. @throws GorpError as {@link loadTask}. */
export const loadLabels = (read: ReadText, kind: string, name: string): Promise<string[]> =>
  readJson(read, `CL_Benchmark/${kind}/${name}/labels.json`, LabelsSchema);

/** A row without the extra columns that a user's own data may have. */
const exampleOf = ({ sentence, label }: Example): Example => ({ sentence, label });

function countUnlisted(split: Split, rows: readonly Example[], labels: ReadonlySet<string>): LeftOut[] {
  const counts = new Map<string, number>();
  for (const { label } of rows) if (!labels.has(label)) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Array.from(counts, ([label, rows]) => ({ split, label, rows }));
}

async function readJson<S extends v.GenericSchema>(read: ReadText, path: string, schema: S): Promise<v.InferOutput<S>> {
  let text: string;
  try {
    text = await read(path);
  } catch (error) {
    if (error instanceof GorpError) throw error;
    throw taskError('tasks/unreadable', `${path} could not be read (${messageOf(error)})`, error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw taskError('tasks/malformed-json', `${path} is not JSON (${messageOf(error)})`, error);
  }
  const parsed = v.safeParse(schema, json, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw taskError('tasks/wrong-shape', `${path}${placeOf(issue)}: ${issue.message}`, parsed.issues);
}

/** The place of an issue in a file: its row, counted from 1, and its field. */
function placeOf(issue: v.BaseIssue<unknown>): string {
  const keys: unknown[] = issue.path?.map(({ key }) => key) ?? [];
  return keys.map((key) => (typeof key === 'number' ? `, row ${key + 1}` : `, field "${String(key)}"`)).join('');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function taskError(code: ErrorCode, message: string, cause?: unknown): GorpError {
  return new GorpError(
    code,
    `${message}.`,
    'Check that the folder has the layout of CL_Benchmark and correct the named file, then load the tasks again.',
    { cause },
  );
}
