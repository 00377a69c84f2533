import { GorpError } from '../base/errors.ts';
import { INSTRUCTIONS_PATH, type LoadedTask, loadTask, type ReadText } from './benchmark.ts';
import { BENCHMARK_KINDS } from './orders.ts';
import { loadSuperNi, SUPERNI_FOLDERS, superNiPaths } from './super-ni.ts';
import { loadTrace, tracePaths } from './trace.ts';
import { TRACE_SCORES } from './trace-tasks.ts';

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
