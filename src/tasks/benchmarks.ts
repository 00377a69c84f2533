import { GorpError, reportOf } from '../base/errors.ts';
import { INSTRUCTIONS_PATH, type LoadedTask, loadTask, type ReadText } from './benchmark.ts';
import { frameOf } from './frames.ts';
import { BENCHMARK_KINDS } from './orders.ts';
import { publishedSplits } from './published-splits.ts';
import { TRACE_SCORES } from './trace-tasks.ts';

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
export interface Benchmark {
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
