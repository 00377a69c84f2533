import { GorpError } from '../base/errors.ts';
import { BENCHMARK_KINDS } from './orders.ts';

/** Where the instructions stand, below the folder that also holds `CL_Benchmark`. */
export const INSTRUCTIONS_PATH = 'configs/instruction_config.json';

/** The files of a dataset, below the folder that holds `CL_Benchmark` and `configs`. */
export const datasetPaths = (kind: string, name: string): string[] =>
  ['labels', 'train', 'dev', 'test'].map((file) => `CL_Benchmark/${kind}/${name}/${file}.json`);

/** The benchmark among the files of a folder. */
export interface FoundBenchmark {
  /** Path below the root → path as it was given; the files that tasks are read from, and no others. */
  files: Map<string, string>;
  /** Datasets whose files are all there, in the order of {@link BENCHMARK_KINDS}. */
  datasets: string[];
  /** Datasets that lack some of their files; those of which nothing is there are not named. */
  incomplete: string[];
}

/**
 * Finds the benchmark in a folder that was picked or dropped: its root is the folder, or one below it, that holds
 * `CL_Benchmark` and `configs`.
 *
 * @param paths of all files, with forward slashes, in any order.
 * @throws GorpError `tasks/no-config` when `CL_Benchmark` is there without its instructions, `tasks/not-a-benchmark`
 * when it is not there or holds no whole dataset.
 */
export function findBenchmark(paths: readonly string[]): FoundBenchmark {
  const given = new Set(paths);
  const parts = paths.map((path) => /^(.*\/)?CL_Benchmark\//.exec(path)).filter((match) => match !== null);
  // The outermost one, should a folder hold copies.
  const roots = [...new Set(parts.map((match) => match[1] ?? ''))].sort((a, b) => a.length - b.length);
  if (roots.length === 0) throw notABenchmark('The folder holds no folder CL_Benchmark');
  const root = roots.find((one) => given.has(one + INSTRUCTIONS_PATH));
  if (root === undefined) {
    throw new GorpError(
      'tasks/no-config',
      `${INSTRUCTIONS_PATH} is missing beside CL_Benchmark.`,
      'Choose the folder above, which holds both CL_Benchmark and configs, as the repository has them.',
    );
  }
  const found: FoundBenchmark = {
    files: new Map([[INSTRUCTIONS_PATH, root + INSTRUCTIONS_PATH]]),
    datasets: [],
    incomplete: [],
  };
  for (const [name, kind] of Object.entries(BENCHMARK_KINDS)) {
    const wanted = datasetPaths(kind, name);
    const there = wanted.filter((path) => given.has(root + path));
    if (there.length === wanted.length) {
      found.datasets.push(name);
      for (const path of wanted) found.files.set(path, root + path);
    } else if (there.length > 0) found.incomplete.push(name);
  }
  if (found.datasets.length === 0) throw notABenchmark('CL_Benchmark holds no dataset with all of its files');
  return found;
}

const notABenchmark = (what: string): GorpError =>
  new GorpError(
    'tasks/not-a-benchmark',
    `${what}.`,
    'Choose a folder with CL_Benchmark/{kind}/{name}/labels.json, train.json, dev.json, test.json and configs/instruction_config.json.',
  );
