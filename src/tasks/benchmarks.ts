import { GorpError, reportOf } from '../base/errors.ts';
import { answeredTexts } from './answered.ts';
import { INSTRUCTIONS_PATH, type LoadedTask, loadTask, type ReadText } from './benchmark.ts';
import { isEmbedded } from './embedded-tasks.ts';
import { recognise } from './formats/recognise.ts';
import { parseJsonRows } from './json-rows.ts';
import { BENCHMARK_KINDS, TRACE_SCORES } from './orders.ts';
import { frameOf } from './prompt.ts';
import type { Example } from './task.ts';

/** The splits of a published task with free answers, and what was left out of them, in sentences. */
interface PublishedSplits {
  train: Example[];
  dev: Example[];
  test: Example[];
  /** The definition of the task, if its file has one. */
  definition: string | null;
  warnings: string[];
}

/**
 * Reads the three files of a published task with free answers.
 *
 * @param paths of the splits for training, development and testing.
 * @param format that each file must have.
 * @throws GorpError `tasks/…`, naming the file; `tasks/empty` if nothing is left to train on or to test.
 */
async function publishedSplits(
  read: ReadText,
  paths: readonly string[],
  format: 'SuperNI' | 'TRACE',
): Promise<PublishedSplits> {
  const warnings: string[] = [];
  const split = async (path: string): Promise<{ examples: Example[]; definition: string | null }> => {
    const { columns, rows, lines, nested } = parseJsonRows(await read(path), path);
    if (rows.length === 0) return { examples: [], definition: null };
    const table = { columns, rows, lines, nested, warnings: [] };
    const found = recognise(table);
    if (found.format !== format) {
      throw new GorpError('tasks/wrong-shape', `${path} is not a task of ${format}.`, NEXT_STEPS[format]);
    }
    const answered = answeredTexts(table, found, 'every');
    warnings.push(...answered.warnings.map((warning) => `${path}: ${warning}`));
    return { examples: answered.units.flat(), definition: found.instruction };
  };
  const [train, dev, test] = await Promise.all(paths.map(split));
  for (const [i, { examples }] of [train, test].entries()) {
    if (examples.length > 0) continue;
    const what = i === 0 ? 'train on' : 'test';
    throw new GorpError('tasks/empty', `${paths[2 * i]} has nothing to ${what}.`, 'Use the files as published.');
  }
  return {
    train: train.examples,
    dev: dev.examples,
    test: test.examples,
    definition: train.definition,
    warnings,
  };
}

const NEXT_STEPS = {
  SuperNI: 'It must have a Definition and Instances, as published.',
  TRACE: 'It must be a list of objects with prompt and answer, as published.',
} as const;

/** The folders of the SuperNI tasks that the published orders use, by the tasks' short names. */
export const SUPERNI_FOLDERS: Readonly<Record<string, string>> = {
  task002: 'task002_quoref_answer_generation',
  task073: 'task073_commonsenseqa_answer_generation',
  task1290: 'task1290_xsum_summarization',
  task1510: 'task1510_evalution_relation_extraction',
  task1572: 'task1572_samsum_summary',
  task1590: 'task1590_diplomacy_text_generation',
  task1687: 'task1687_sentiment140_classification',
  task1729: 'task1729_personachat_generate_next',
  task181: 'task181_outcome_extraction',
  task363: 'task363_sst2_polarity_classification',
  task511: 'task511_reddit_tifu_long_text_summarization',
  task591: 'task591_sciq_answer_generation',
  task639: 'task639_multi_woz_user_utterance_generation',
  task748: 'task748_glucose_reverse_cause_event_detection',
  task875: 'task875_emotion_classification',
};

/** The files of a task, below the folder that holds `SuperNI`: train, dev and test. */
export const superNiPaths = (name: string): string[] =>
  ['train', 'dev', 'test'].map((split) => `SuperNI/${SUPERNI_FOLDERS[name]}/${split}.json`);

/** Reads files of `SuperNI` where they are: SAPT and GainLoRA publish that folder inside one named `CL_Benchmark`. */
const fromEitherPlace =
  (read: ReadText): ReadText =>
  async (path) => {
    const isMissing = (thrown: unknown): boolean => reportOf(thrown).code === 'tasks/not-found';
    try {
      return await read(path);
    } catch (thrown) {
      if (!isMissing(thrown)) throw thrown;
      return read(`CL_Benchmark/${path}`).catch((second: unknown) => {
        throw isMissing(second) ? thrown : second;
      });
    }
  };

/**
 * Loads a task in the published layout, `SuperNI/{folder}/{train,dev,test}.json`, also inside `CL_Benchmark`.
 *
 * @param name one of {@link SUPERNI_FOLDERS}.
 * @throws GorpError `tasks/…`, naming the file; `tasks/empty` if nothing is left to train on or to test.
 */
export async function loadSuperNi(read: ReadText, name: string): Promise<LoadedTask> {
  const { definition, warnings, ...splits } = await publishedSplits(
    fromEitherPlace(read),
    superNiPaths(name),
    'SuperNI',
  );
  const task = { name, kind: 'SuperNI', instruction: null, labels: [], form: 'free' as const, ...splits };
  return { task: { ...task, frame: frameOf('super-ni', definition) }, leftOut: [], warnings };
}

/** The files of a task, below the folder that holds all tasks: train, eval and test. */
export const tracePaths = (name: string): string[] => ['train', 'eval', 'test'].map((split) => `${name}/${split}.json`);

/**
 * Loads a task in the published layout, `{name}/{train,eval,test}.json` with `prompt` and `answer`. The prompts are
 * complete.
 *
 * @param name one of {@link TRACE_SCORES}.
 * @throws GorpError `tasks/…`, naming the file; `tasks/empty` if nothing is left to train on or to test.
 */
export async function loadTrace(read: ReadText, name: string): Promise<LoadedTask> {
  const { train, dev, test, warnings } = await publishedSplits(read, tracePaths(name), 'TRACE');
  const task = { name, kind: 'TRACE', instruction: null, labels: [], form: 'free' as const, train, dev, test };
  return { task: { ...task, frame: frameOf('bare', null), score: TRACE_SCORES[name] }, leftOut: [], warnings };
}

/** A published benchmark, read from a folder in its published layout. */
interface Benchmark {
  readonly name: 'CL_Benchmark' | 'SuperNI' | 'TRACE';
  readonly datasets: readonly string[];
  /** The files of a dataset, below the benchmark's root, with forward slashes. */
  readonly paths: (dataset: string) => string[];
  /** Files that all datasets need. */
  readonly shared: readonly string[];
  /** Finds the root of a file of the benchmark as its first group, with its slash. */
  readonly root: RegExp;
  /** @throws GorpError `tasks/…`. */
  readonly load: (read: ReadText, dataset: string) => Promise<LoadedTask>;
}

/** The files of a dataset of CL_Benchmark, below the folder that holds `CL_Benchmark` and `configs`. */
export const datasetPaths = (kind: string, name: string): string[] =>
  ['labels', 'train', 'dev', 'test'].map((file) => `CL_Benchmark/${kind}/${name}/${file}.json`);

const CL_BENCHMARK: Benchmark = {
  name: 'CL_Benchmark',
  datasets: Object.keys(BENCHMARK_KINDS),
  paths: (name) => datasetPaths(BENCHMARK_KINDS[name], name),
  shared: [INSTRUCTIONS_PATH],
  // Only with a folder of its own: SAPT and GainLoRA publish SuperNI inside a folder of this name.
  root: new RegExp(`^(.*/)?CL_Benchmark/(?:${[...new Set(Object.values(BENCHMARK_KINDS))].join('|')})/`),
  load: (read, name) => loadTask(read, BENCHMARK_KINDS[name], name),
};

const SUPER_NI: Benchmark = {
  name: 'SuperNI',
  datasets: Object.keys(SUPERNI_FOLDERS),
  paths: superNiPaths,
  shared: [],
  root: /^(.*\/)?SuperNI\//,
  load: loadSuperNi,
};

const TRACE: Benchmark = {
  name: 'TRACE',
  datasets: Object.keys(TRACE_SCORES),
  paths: tracePaths,
  shared: [],
  root: new RegExp(`^(.*/)?(?:${Object.keys(TRACE_SCORES).join('|')})/(?:train|eval|test)\\.json$`),
  load: loadTrace,
};

export const BENCHMARKS: readonly Benchmark[] = [CL_BENCHMARK, SUPER_NI, TRACE];

/** The names of the benchmarks, in a sentence. */
export const BENCHMARK_NAMES = 'CL_Benchmark, SuperNI or TRACE';

/** The benchmark that has a dataset of this name. */
export const benchmarkOf = (dataset: string): Benchmark | undefined =>
  BENCHMARKS.find(({ datasets }) => datasets.includes(dataset));

/** Two folders that hold as much of a benchmark. */
export const severalCopies = (name: Benchmark['name'], roots: readonly string[]): GorpError =>
  new GorpError(
    'tasks/several-copies',
    `${name} is there ${roots.length} times: in ${roots.map((root) => root || 'the folder itself').join(', ')}.`,
    'Choose one of these folders.',
  );

/** The benchmarks among the files of a folder. */
interface FoundBenchmarks {
  /** Path below the benchmark's root → given path, only for files that tasks are read from. */
  files: Map<string, string>;
  /** Complete datasets, in the order of {@link BENCHMARKS}. */
  datasets: string[];
  /** Datasets that lack some, but not all, of their files. */
  incomplete: string[];
}

/** Whether some path is that of a file of a published benchmark. */
export const hasBenchmark = (paths: readonly string[]): boolean =>
  BENCHMARKS.some(({ root }) => paths.some((path) => root.test(path)));

/**
 * Finds published benchmarks in a picked or dropped folder. The root of each is that folder or one below it.
 *
 * @param paths paths of all files, with forward slashes, in any order.
 * @throws GorpError `tasks/no-config` if `CL_Benchmark` lacks its instructions, `tasks/not-a-benchmark` if there is no
 * benchmark, or none with a complete dataset, `tasks/several-copies` if two folders hold as much of one.
 */
export function findBenchmarks(paths: readonly string[]): FoundBenchmarks {
  const given = new Set(paths);
  const found: FoundBenchmarks = { files: new Map(), datasets: [], incomplete: [] };
  const names: string[] = [];
  for (const benchmark of BENCHMARKS) {
    const root = rootOf(benchmark, paths, given);
    if (root === null) continue;
    names.push(benchmark.name);
    for (const name of benchmark.datasets) {
      const wanted = benchmark.paths(name);
      const there = wanted.filter((path) => given.has(root + path));
      if (there.length === wanted.length) {
        found.datasets.push(name);
        for (const path of [...benchmark.shared, ...wanted]) found.files.set(path, root + path);
      } else if (there.length > 0) found.incomplete.push(name);
    }
  }
  if (names.length === 0)
    throw notABenchmark('The folder contains none of CL_Benchmark, SuperNI and the tasks of TRACE');
  if (found.datasets.length === 0) throw notABenchmark(`${names.join(' and ')} has no complete dataset`);
  return found;
}

/** The root of a benchmark, ending in a slash unless it is empty: the one with most of it; null if there is none. */
function rootOf(
  { name, root, shared, datasets, paths: pathsOf }: Benchmark,
  paths: readonly string[],
  given: Set<string>,
): string | null {
  const matches = paths.map((path) => root.exec(path)).filter((match) => match !== null);
  // Outermost first.
  const roots = [...new Set(matches.map((match) => match[1] ?? ''))].sort(
    (a, b) => a.split('/').length - b.split('/').length,
  );
  if (roots.length === 0) return null;
  const whole = roots.filter((one) => shared.every((path) => given.has(one + path)));
  if (whole.length === 0) {
    throw new GorpError(
      'tasks/no-config',
      `${INSTRUCTIONS_PATH} is missing next to ${name}.`,
      'Choose the parent folder, which holds both CL_Benchmark and configs, as in the repository.',
    );
  }
  const complete = (one: string): number =>
    datasets.filter((dataset) => pathsOf(dataset).every((path) => given.has(one + path))).length;
  const most = Math.max(...whole.map(complete));
  const [first, second] = whole.filter((one) => complete(one) === most);
  // A copy deeper in the folder is no rival.
  const depth = (one: string): number => one.split('/').length;
  if (second !== undefined && depth(first) === depth(second)) throw severalCopies(name, [first, second]);
  return first;
}

const notABenchmark = (what: string): GorpError =>
  new GorpError(
    'tasks/not-a-benchmark',
    `${what}.`,
    'Choose a folder with CL_Benchmark/{kind}/{name}/labels.json, train.json, dev.json, test.json and configs/instruction_config.json, with SuperNI/{task}/train.json, dev.json, test.json, or with {task}/train.json, eval.json, test.json of TRACE.',
  );

/**
 * Which task besides the custom ones has a name: orders name tasks by nothing else. Undefined if none has.
 *
 * @returns a clause: “a dataset of TRACE”.
 */
export function bearerOf(name: string): string | undefined {
  if (isEmbedded(name)) return 'an embedded task';
  const benchmark = benchmarkOf(name);
  return benchmark && `a dataset of ${benchmark.name}`;
}
